#include "agent/replay/replay.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "agent/decision/text.h"
#include "agent/engine/aggregator.h"
#include "agent/engine/engine.h"
#include "agent/engine/snapshot_text.h"
#include "agent/engine/tape.h"
#include "agent/replay/head.h"

namespace weft::replay {
namespace {

using decision::LineReader;
using engine::Aggregator;
using engine::Backend;
using engine::Call;
using engine::Engine;
using engine::ParseSnapshotText;
using engine::ServiceView;
using engine::Settings;
using engine::Shared;
namespace tape = engine::tape;

// Takes what the engines would write to a file.
class Capture : public decision::Recorder {
 public:
  void Write(std::string_view, std::string_view result) override { result_ = result; }
  std::string Take() { return std::exchange(result_, "nothing: the call could not be made"); }

 private:
  std::string result_ = "nothing: the call could not be made";
};

class Machine {
 public:
  std::string Do(const LineReader& line, const std::vector<std::string>& prepared) {
    const std::string& op = line.op();
    if (op == "engine") {
      MakeEngine(line);
    } else if (op == "aggregator") {
      MakeShared(line);
      aggregator_ = std::make_unique<Aggregator>(*shared_, &capture_);
    } else if (op == "members" || op == "absorb") {
      Aggregate(line, prepared);
    } else if (const auto found = engines_.find(line.Number<std::uint32_t>("worker"));
               found != engines_.end()) {
      Engine& engine = *found->second.engine;
      if (!Configure(engine, line, prepared) && !Request(found->second, line) && !OnTarget(engine, line))
        OnBackend(engine, line);
    }
    return capture_.Take();
  }

 private:
  struct Worker {
    std::unique_ptr<Engine> engine;
    std::map<std::uint64_t, std::unique_ptr<Call>> calls;
  };

  void MakeShared(const LineReader& line) {
    if (!shared_) shared_ = std::make_unique<Shared>(line.Number<std::uint64_t>("shared_seed"));
  }

  void MakeEngine(const LineReader& line) {
    const Settings settings = tape::ReadSettings(line);
    MakeShared(line);
    engines_[settings.worker].engine = std::make_unique<Engine>(settings, *shared_, &capture_);
  }

  void Aggregate(const LineReader& line, const std::vector<std::string>& prepared) {
    if (!aggregator_) return;
    if (line.op() == "members") {
      aggregator_->Install(ParseSnapshotText(prepared), line.Time("now"));
    } else {
      aggregator_->Absorb(tape::ReadDelta(line), line.Time("now"));
      aggregator_->TakeChanges();
    }
  }

  bool Configure(Engine& engine, const LineReader& line, const std::vector<std::string>& prepared) {
    const std::string& op = line.op();
    tape::OriginText origin;
    if (op == "snapshot") {
      engine.Install(ParseSnapshotText(prepared), line.Time("now"));
    } else if (op == "view") {
      engine.Install(std::make_shared<const ServiceView>(tape::ReadView(line)), line.Time("now"));
    } else if (op == "tick") {
      engine.Tick(line.Time("now"));
      engine.TakeForgotten();
    } else if (op == "quota") {
      engine.SetQuota(tape::ReadKey(line), line.Text("limit"), line.Number<double>("rate"),
                      line.Number<double>("room"), line.Time("now"));
    } else if (op == "protocol") {
      tape::ReadOrigin(line, origin);
      engine.ProtocolOf(origin.origin);
    } else if (op == "backend") {
      tape::ReadOrigin(line, origin);
      engine.BackendOf(origin.origin, line.Time("now"));
    } else {
      return false;
    }
    return true;
  }

  bool Request(Worker& worker, const LineReader& line) {
    const std::string& op = line.op();
    const TimePoint now = line.Time("now");
    if (op == "start") {
      Start(worker, line, now);
      return true;
    }
    constexpr std::array<std::string_view, 5> kOps = {"pick", "ended", "hedge", "hedge_ended", "finish"};
    if (std::find(kOps.begin(), kOps.end(), op) == kOps.end()) return false;
    const auto found = worker.calls.find(line.Number<std::uint64_t>("call"));
    if (found == worker.calls.end()) return true;
    Call& call = *found->second;
    Reason why = Reason::kOk;
    if (op == "pick" && call.backend != nullptr) worker.engine->Pick(call, now, why);
    if (op == "ended" && call.target != nullptr) worker.engine->Ended(call, tape::ReadResult(line), now);
    if (op == "hedge" && call.backend != nullptr) worker.engine->Hedge(call, now);
    if (op == "hedge_ended" && call.hedge != nullptr)
      worker.engine->HedgeEnded(call, tape::ReadResult(line), now);
    if (op == "finish") {
      worker.engine->Finish(call, line.Enum<Reason>("reason"), line.Number<std::uint16_t>("status"), now);
      worker.calls.erase(found);
    }
    return true;
  }

  static void Start(Worker& worker, const LineReader& line, TimePoint now) {
    tape::OriginText origin;
    tape::ReadOrigin(line, origin);
    std::vector<std::string> texts;
    const message::RequestHead head = ReadHead(line, texts);
    auto call = std::make_unique<Call>();
    worker.engine->Start(*call, origin.origin, head, now);
    call->origin.fixed = nullptr;  // was read; it would dangle
    worker.calls[call->number] = std::move(call);
  }

  Backend* Find(Engine& engine, const LineReader& line) {
    for (const auto& backend : engine.backends()) {
      if (backend->key == tape::ReadKey(line) && backend->inbound == line.Bool("inbound"))
        return backend.get();
    }
    return nullptr;
  }

  bool OnTarget(Engine& engine, const LineReader& line) {
    const std::string& op = line.op();
    constexpr std::array<std::string_view, 6> kOps = {"connect",  "disconnect", "stream",
                                                      "unstream", "drain",      "checked"};
    if (std::find(kOps.begin(), kOps.end(), op) == kOps.end()) return false;
    Backend* backend = Find(engine, line);
    if (backend == nullptr) return true;
    for (const auto& target : backend->targets) {
      if (target->hash != line.Number<std::uint64_t>("instance")) continue;
      if (target->address.ToString() != line.Text("address")) continue;
      if (op == "connect") engine.TryConnect(*target);
      if (op == "stream") engine.TryStream(*target);
      if (op == "unstream") engine.ReleaseStream(*target);
      if (op == "disconnect") engine.ReleaseConnection(*target);
      if (op == "drain") engine.MarkDraining(*target);
      if (op == "checked") engine.Checked(*target, line.Bool("passed"), line.Span("took"), line.Time("now"));
      break;
    }
    return true;
  }

  void OnBackend(Engine& engine, const LineReader& line) {
    Backend* backend = Find(engine, line);
    if (backend == nullptr) return;
    if (line.op() == "pend") engine.TryPend(*backend);
    if (line.op() == "unpend") engine.ReleasePend(*backend);
  }

  Capture capture_;
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<Aggregator> aggregator_;
  std::map<std::uint32_t, Worker> engines_;
};

std::string Differs(const decision::RecordedLine& input, const std::string& recorded,
                    const std::string& replayed) {
  return "call " + std::to_string(input.number) + ": " + input.text + "\n  recorded: " + recorded +
         "\n  replayed: " + replayed;
}

}  // namespace

Outcome Run(const std::vector<decision::RecordedLine>& inputs,
            const std::vector<decision::RecordedLine>& results) {
  Machine machine;
  Outcome outcome;
  std::vector<std::string> prepared;
  std::size_t next = 0;
  for (const decision::RecordedLine& input : inputs) {
    if (input.text.starts_with('+')) {
      prepared.push_back(input.text);
      continue;
    }
    const std::string replayed = machine.Do(LineReader(input.text), prepared);
    prepared.clear();
    const bool there = next < results.size() && results[next].number == input.number;
    const std::string recorded = there ? results[next++].text : "no result with this number";
    if (recorded != replayed) {
      outcome.same = false;
      outcome.difference = Differs(input, recorded, replayed);
      return outcome;
    }
    ++outcome.calls;
  }
  if (next != results.size()) {
    outcome.same = false;
    outcome.difference = "call " + std::to_string(results[next].number) + " has a result but no input";
  }
  return outcome;
}

Result<Outcome> RunFiles(const std::string& path) {
  auto inputs = decision::ReadRecording(path + ".inputs", decision::kInputsHeader);
  if (!inputs) return inputs.error();
  auto results = decision::ReadRecording(path + ".results", decision::kResultsHeader);
  if (!results) return results.error();
  return Run(*inputs, *results);
}

}  // namespace weft::replay
