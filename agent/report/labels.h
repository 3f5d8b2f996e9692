#pragma once
// How requests and attempts are sorted for metrics: small closed sets, never text from a request. Pure.

#include <cstdint>
#include <string_view>

#include "agent/engine/call.h"
#include "agent/report/report.h"

namespace weft::report {

// kSuccess: forwarded with a status below 500 and no gRPC failure. kIgnored: the client went away, its own
// deadline passed, or what it sent was wrong; left out of success rates. kFailure: everything else.
enum class Classification : std::uint8_t { kSuccess, kFailure, kIgnored };
inline constexpr std::size_t kClassifications = 3;
Classification Classify(Reason reason, int status, int grpc_status);
std::string_view ToString(Classification classification);

std::string_view MethodClass(message::Method method);  // safe, idempotent, other (RFC 9110 9.2)
std::string_view CodeClass(int status);                // 1xx to 5xx; none

// 0: a response below 500; 1: a response of 5xx; then the outcomes of engine::Outcome in their order.
inline constexpr std::size_t kAttemptOutcomes = 14;
std::size_t AttemptOutcome(const engine::AttemptResult& result);
std::string_view AttemptOutcomeName(std::size_t index);

// The seeds' five kinds of failure, of final outcomes.
enum class FailureKind : std::uint8_t { kNone, kTimeout, kError5xx, kConnection, kSlow, kError4xx };
inline constexpr std::size_t kFailureKinds = 6;
FailureKind KindOfFailure(Reason reason, int status, Duration took, Duration slow);

inline constexpr std::size_t kMirrorResults = 4;
std::string_view ToString(MirrorResult result);

std::string_view ToString(StreamKind kind);
std::string_view ToString(Detection detection);
std::string_view ToString(Security security);

std::string_view ToString(engine::Direction direction);
std::string_view ToString(engine::InstanceState state);

}  // namespace weft::report
