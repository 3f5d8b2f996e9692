#pragma once
// Calls into the decision core as lines of a recording: what went in, and what came of it. Only used while a
// recorder is attached. The texts of results name everything a replay must reproduce: verdicts, picks with
// what they were compared with, permits, circuit states, budgets, deltas and views.

#include <string>

#include "agent/decision/text.h"
#include "agent/engine/engine.h"
#include "agent/engine/impl.h"

namespace weft::engine::tape {

std::string EngineInput(const Settings& settings, std::uint64_t shared_seed);
std::string SnapshotInput(const char* op, std::uint32_t worker, const snapshot::Snapshot& snapshot,
                          TimePoint now);
std::string ViewInput(std::uint32_t worker, const ServiceView& view, TimePoint now);
std::string StartInput(std::uint32_t worker, const Origin& origin, const message::RequestHead& head,
                       TimePoint now);
std::string OriginInput(const char* op, std::uint32_t worker, const Origin& origin, TimePoint now);
std::string CallInput(const char* op, std::uint32_t worker, const Call& call, TimePoint now);
// `op`: "ended" or "hedge_ended".
std::string EndedInput(const char* op, std::uint32_t worker, const Call& call, const AttemptResult& result,
                       TimePoint now);
std::string FinishInput(std::uint32_t worker, const Call& call, Reason reason, std::uint16_t status,
                        TimePoint now);
std::string TargetInput(const char* op, std::uint32_t worker, const Target& target);
std::string BackendInput(const char* op, std::uint32_t worker, const Backend& backend);
std::string CheckedInput(std::uint32_t worker, const Target& target, bool passed, Duration took,
                         TimePoint now);
std::string QuotaInput(std::uint32_t worker, const BackendKey& inbound, std::string_view limit,
                       double per_second, double room, TimePoint now);
std::string TickInput(std::uint32_t worker, TimePoint now);
std::string AbsorbInput(const WorkerDelta& delta, TimePoint now);

std::string StartResult(const Call& call, Verdict verdict);
std::string PickResult(const Call& call, const Target* target, Reason why);
std::string HedgeResult(const Call& call, const Target* target);
std::string EndedResult(const Call& call, const RetryVerdict& verdict, double tokens);
// The circuit after a call that may have moved it.
std::string CircuitResult(const char* op, const SharedBackend* backend);
std::string BoolResult(const char* op, bool value, std::uint32_t used);
std::string DeltaText(const WorkerDelta& delta);
std::string ViewText(const ServiceView* view);

// Reading inputs back.
struct OriginText {
  Origin origin;
  BackendKey fixed;  // what origin.fixed points to
  Caller caller;     // and origin.caller
};
void ReadOrigin(const decision::LineReader& line, OriginText& out);
AttemptResult ReadResult(const decision::LineReader& line);
WorkerDelta ReadDelta(const decision::LineReader& line);
ServiceView ReadView(const decision::LineReader& line);
BackendKey ReadKey(const decision::LineReader& line);
Settings ReadSettings(const decision::LineReader& line);  // of EngineInput

}  // namespace weft::engine::tape
