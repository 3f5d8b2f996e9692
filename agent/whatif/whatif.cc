#include "agent/whatif/whatif.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <queue>
#include <unordered_map>

#include "agent/answer/answer.h"
#include "agent/engine/aggregator.h"
#include "agent/engine/engine.h"
#include "agent/engine/snapshot_text.h"
#include "agent/engine/tape.h"
#include "agent/replay/head.h"

namespace weft::whatif {
namespace {

using decision::LineReader;
using engine::Engine;
using engine::Outcome;
namespace tape = engine::tape;

// A request on its way.
struct Live {
  engine::Call call;
  Engine* engine = nullptr;
  const RecordedCall* recorded = nullptr;
  bool exact = true;
  bool planned = false;             // an attempt's result is in `result`
  std::size_t waits_for = kNoLine;  // the recorded line that goes on with it; else something planned does
  engine::AttemptResult result;
};

struct Worker {
  std::unique_ptr<Engine> engine;
  std::uint64_t started = 0, epoch = 0;
  std::vector<engine::WorkerDelta> deltas;  // ticked, not absorbed
};

struct Planned {
  TimePoint at;
  std::uint64_t order;
  CallKey call;
  bool operator<(const Planned& o) const { return at != o.at ? at > o.at : order > o.order; }
};

class Machine {
 public:
  Machine(const Recording& recording, const Change& change) : recording_(recording), change_(change) {}

  Side Run() {
    std::vector<std::string> prepared;
    for (std::size_t i = 0; i < recording_.lines.size(); ++i) {
      const std::string& text = recording_.lines[i].text;
      if (text.starts_with('+')) {
        prepared.push_back(text);
        continue;
      }
      const LineReader line(text);
      // Each worker's clock stands still during a turn of its loop, so the next line may be of a moment
      // before.
      if (!line.Text("now").empty()) {
        RunPlanned(line.Time("now"));
        now_ = line.Time("now");
      }
      Line(i, line, prepared);
      prepared.clear();
    }
    RunPlanned(TimePoint::max());
    CountOpened();
    return std::move(side_);
  }

 private:
  void Line(std::size_t at, const LineReader& line, const std::vector<std::string>& prepared) {
    const std::string& op = line.op();
    if (op == "engine") return MakeEngine(line);
    if (op == "aggregator") {
      MakeShared(line);
      aggregator_ = std::make_unique<engine::Aggregator>(*shared_, nullptr);
      return;
    }
    if (op == "members" && aggregator_) return aggregator_->Install(Snapshot(prepared), now_);
    if (op == "absorb" && aggregator_) return Absorb(line);
    const auto found = workers_.find(line.Number<std::uint32_t>("worker"));
    if (found == workers_.end()) return;
    Worker& worker = found->second;
    if (op == "snapshot") return worker.engine->Install(Snapshot(prepared), now_);
    if (op == "tick") return Tick(worker);
    if (op == "quota")
      return worker.engine->SetQuota(tape::ReadKey(line), line.Text("limit"), line.Number<double>("rate"),
                                     line.Number<double>("room"), now_);
    if (op == "view") return TakeView(worker);
    if (op == "start") return Start(found->first, worker, line);
    if (op == "pick" || op == "ended" || op == "finish") {
      return GoOn({found->first, line.Number<std::uint64_t>("call")}, at);
    }
    if (op == "drain" || op == "checked") OnTarget(*worker.engine, line);
  }

  void MakeShared(const LineReader& line) {
    if (!shared_) shared_ = std::make_unique<engine::Shared>(line.Number<std::uint64_t>("shared_seed"));
  }
  void MakeEngine(const LineReader& line) {
    const engine::Settings settings = tape::ReadSettings(line);
    MakeShared(line);
    workers_[settings.worker].engine = std::make_unique<Engine>(settings, *shared_, nullptr);
  }

  // The same snapshot is read once for each worker and once for the aggregator: all get one object.
  snapshot::SnapshotPtr Snapshot(const std::vector<std::string>& lines) {
    if (snapshot_ != nullptr && lines == snapshot_lines_) return snapshot_;
    snapshot_lines_ = lines;
    snapshot::SnapshotPtr parsed = engine::ParseSnapshotText(lines);
    if (!change_) return snapshot_ = parsed;
    auto changed = std::make_shared<snapshot::Snapshot>(*parsed);
    for (auto& [key, service] : changed->services) {
      auto bundle = std::make_shared<policy::ServiceBundle>(*service->bundle);
      change_(*bundle);
      auto with = std::make_shared<snapshot::Service>(*service);
      with->bundle = bundle;
      service = with;
    }
    return snapshot_ = changed;
  }

  // Views are taken up where the recording has one, at the next tick at the latest.
  void Tick(Worker& worker) {
    TakeView(worker);
    worker.deltas.push_back(worker.engine->Tick(now_));
    worker.engine->TakeForgotten();
  }
  void TakeView(Worker& worker) {
    if (view_ == nullptr || view_->epoch <= worker.epoch) return;
    worker.epoch = view_->epoch;
    worker.engine->Install(view_, now_);
  }
  void Absorb(const LineReader& line) {
    const auto found = workers_.find(line.Number<std::uint32_t>("worker"));
    if (found == workers_.end() || found->second.deltas.empty()) return;
    const engine::WorkerDelta delta = std::move(found->second.deltas.front());
    found->second.deltas.erase(found->second.deltas.begin());
    if (engine::ViewPtr view = aggregator_->Absorb(delta, now_)) view_ = std::move(view);
    for (const engine::HealthChange& change : aggregator_->TakeChanges()) {
      if (change.to == engine::InstanceState::kEjected) Add(side_.ejected, !modelled_);
    }
    if (!modelled_) CountOpened();
  }

  void OnTarget(Engine& engine, const LineReader& line) {
    for (const auto& backend : engine.backends()) {
      if (backend->key != tape::ReadKey(line) || backend->inbound != line.Bool("inbound")) continue;
      for (const auto& target : backend->targets) {
        if (target->hash != line.Number<std::uint64_t>("instance") ||
            target->address.ToString() != line.Text("address"))
          continue;
        if (line.op() == "drain") return engine.MarkDraining(*target);
        return engine.Checked(*target, line.Bool("passed"), line.Span("took"), now_);
      }
    }
  }

  void Start(std::uint32_t number, Worker& worker, const LineReader& line) {
    const CallKey key{number, ++worker.started};
    auto live = std::make_unique<Live>();
    live->engine = worker.engine.get();
    live->recorded = &recording_.calls.at(key);
    tape::OriginText origin;
    tape::ReadOrigin(line, origin);
    std::vector<std::string> texts;
    const message::RequestHead head = replay::ReadHead(line, texts);
    const engine::Verdict verdict = live->engine->Start(live->call, origin.origin, head, now_);
    live->call.origin.fixed = nullptr;  // was read; it would dangle
    Live& it = *(live_[key] = std::move(live));
    const RecordedCall& recorded = *it.recorded;
    if (verdict.action != engine::Action::kForward) {
      const bool same = recorded.attempts.empty() && recorded.finish_line != kNoLine;
      if (same && (verdict.action != engine::Action::kAnswer || recorded.reason == verdict.reason)) {
        it.waits_for = recorded.finish_line;
        return;
      }
      return Finish(key, verdict.reason, 0);
    }
    if (recorded.attempts.empty()) return PickNow(key, it);
    it.waits_for = recorded.attempts.front().picked_line;
  }

  // A recorded line that the request waits for.
  void GoOn(const CallKey& key, std::size_t at) {
    const auto found = live_.find(key);
    if (found == live_.end() || found->second->waits_for != at) return;
    Live& live = *found->second;
    live.waits_for = kNoLine;
    if (at == live.recorded->finish_line) return Finish(key, live.recorded->reason, live.recorded->status);
    if (live.call.target == nullptr) return PickNow(key, live);
    Ended(key, live, live.recorded->attempts[live.call.attempts - 1].result);
  }

  void PickNow(const CallKey& key, Live& live) {
    const std::size_t index = live.call.attempts;
    const RecordedAttempt* recorded =
        index < live.recorded->attempts.size() ? &live.recorded->attempts[index] : nullptr;
    Reason why = Reason::kOk;
    const engine::Target* target = live.engine->Pick(live.call, now_, why);
    const std::string instance = target == nullptr  ? std::string()
                                 : target->instance ? target->instance->id
                                                    : target->address.ToString();
    const bool same = recorded != nullptr && recorded->instance == instance;
    if (target == nullptr) {
      if (!same || live.recorded->finish_line == kNoLine) return Finish(key, why, 0);
      live.waits_for = live.recorded->finish_line;
      return;
    }
    Add(side_.attempts, live.exact && same);
    if (index > 0) Add(side_.retries, live.exact);
    if (!same) Add(side_.elsewhere, live.exact);
    const Duration timeout = live.call.timeouts->attempt;
    if (live.exact && same) {
      const std::size_t line = recorded->has_end() ? recorded->ended_line : live.recorded->finish_line;
      if (timeout == Duration::zero() || !recorded->has_end() ||
          recorded->ended - recorded->picked <= timeout ||
          recorded->result.outcome == Outcome::kAttemptTimeout) {
        live.waits_for = line;
        if (line == kNoLine) live_.erase(key);  // the recording ends before it does
        return;
      }
    }
    live.exact = false;
    Model(key, live, instance);
  }

  // The outcome of the recorded attempt on that instance that began nearest to now.
  const RecordedAttempt* Donor(const std::string& instance) const {
    const auto found = recording_.by_instance.find(instance);
    if (found == recording_.by_instance.end()) return nullptr;
    const auto& attempts = found->second;
    const auto after = std::lower_bound(attempts.begin(), attempts.end(), now_,
                                        [](const RecordedAttempt* a, TimePoint t) { return a->picked < t; });
    if (after == attempts.end()) return attempts.back();
    if (after == attempts.begin()) return *after;
    return now_ - (*std::prev(after))->picked < (*after)->picked - now_ ? *std::prev(after) : *after;
  }

  void Model(const CallKey& key, Live& live, const std::string& instance) {
    modelled_ = true;
    live.result = {};
    live.result.outcome = Outcome::kResponse;
    live.result.status = 200;
    TimePoint end = now_;
    if (const RecordedAttempt* donor = Donor(instance)) {
      live.result = donor->result;
      end = now_ + (donor->ended - donor->picked);
      if (donor->result.head_at != TimePoint{})
        live.result.head_at = now_ + (donor->result.head_at - donor->picked);
    }
    const auto cut = [&](TimePoint at, Outcome outcome, Reason reason) {
      if (end <= at) return;
      end = at;
      live.result = {};
      live.result.outcome = outcome;
      live.result.reason = reason;
    };
    const TimePoint head = live.result.head_at == TimePoint{} ? end : live.result.head_at;
    if (const Duration limit = live.call.adaptive_timeout; limit > Duration::zero() && head > now_ + limit)
      cut(now_ + limit, Outcome::kHeadTimeout, Reason::kResponseHeadTimeout);
    if (const Duration timeout = live.call.timeouts->attempt; timeout > Duration::zero())
      cut(now_ + timeout, Outcome::kAttemptTimeout, Reason::kAttemptTimeout);
    if (!live.call.deadline.never())
      cut(live.call.deadline.at(), Outcome::kRequestTimeout, Reason::kRequestTimeout);
    live.planned = true;
    planned_.push({end, order_++, key});
  }

  void RunPlanned(TimePoint until) {
    while (!planned_.empty() && planned_.top().at < until) {
      const Planned next = planned_.top();
      planned_.pop();
      const TimePoint after = std::exchange(now_, next.at);
      const auto found = live_.find(next.call);
      if (found != live_.end()) {
        Live& live = *found->second;
        if (std::exchange(live.planned, false)) {
          Ended(next.call, live, live.result);
        } else {
          PickNow(next.call, live);
        }
      }
      now_ = std::max(after, next.at);
    }
  }

  void Ended(const CallKey& key, Live& live, const engine::AttemptResult& result) {
    const engine::RetryVerdict verdict = live.engine->Ended(live.call, result, now_);
    const std::size_t next = live.call.attempts;
    const bool recorded_next = next < live.recorded->attempts.size();
    if (verdict.retry) {
      if (live.exact && recorded_next) {
        live.waits_for = live.recorded->attempts[next].picked_line;
      } else {
        planned_.push({now_ + verdict.delay, order_++, key});
      }
      return;
    }
    if (live.exact && !recorded_next && live.recorded->finish_line != kNoLine) {
      live.waits_for = live.recorded->finish_line;
      return;
    }
    Finish(key, result.reason, result.outcome == Outcome::kResponse ? result.status : std::uint16_t{0});
  }

  static void Add(Count& count, bool exact) { ++(exact ? count.exact : count.modelled); }

  void Finish(const CallKey& key, Reason reason, std::uint16_t status) {
    const auto found = live_.find(key);
    Live& live = *found->second;
    if (status == 0 && reason != Reason::kOk)
      status = static_cast<std::uint16_t>(answer::MappingOf(reason).http);
    const std::uint32_t attempts = live.call.attempts;
    const TimePoint started = live.call.started;
    live.engine->Finish(live.call, reason, status, now_);
    Add(side_.requests, live.exact);
    if (reason == Reason::kOk && status < 500) Add(side_.good, live.exact);
    if (reason != Reason::kOk) Add(side_.failures[reason], live.exact);
    if (reason != Reason::kOk && attempts == 0) Add(side_.refused, live.exact);
    side_.times.Add(static_cast<std::uint64_t>((now_ - started).count() / 1000));
    live_.erase(found);
    if (!modelled_) CountOpened();
  }

  void CountOpened() {
    std::map<const engine::SharedBackend*, std::uint64_t> opened;
    for (const auto& [number, worker] : workers_) {
      for (const auto& backend : worker.engine->backends())
        opened[backend->shared.get()] = backend->shared->circuit.counts().opened;
    }
    std::uint64_t sum = 0;
    for (const auto& [backend, count] : opened) sum += count;
    (modelled_ ? side_.opened.modelled : side_.opened.exact) +=
        sum - side_.opened.exact - side_.opened.modelled;
  }

  const Recording& recording_;
  const Change& change_;
  Side side_;
  std::unique_ptr<engine::Shared> shared_;
  std::unique_ptr<engine::Aggregator> aggregator_;
  std::map<std::uint32_t, Worker> workers_;
  engine::ViewPtr view_;
  std::vector<std::string> snapshot_lines_;
  snapshot::SnapshotPtr snapshot_;
  std::map<CallKey, std::unique_ptr<Live>> live_;
  std::priority_queue<Planned> planned_;
  std::uint64_t order_ = 0;
  TimePoint now_;
  bool modelled_ = false;  // some outcome was
};

}  // namespace

Side Run(const Recording& recording, const Change& change) { return Machine(recording, change).Run(); }

}  // namespace weft::whatif
