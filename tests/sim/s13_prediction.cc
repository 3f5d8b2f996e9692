#include <algorithm>
#include <cmath>

#include "agent/breaker/predictor.h"
#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kReactive = "errors above 20 %";
constexpr const char* kLogistic = "weft, logistic";
constexpr double kTimeLimit = 1, kServiceTime = 0.020, kUsualLoad = 100, kUsualCapacity = 200;
constexpr int kApart = 240, kBefore = 120;  // seconds: an event in each, and what is quiet before it

enum class Event : std::uint8_t { kRampEvent, kLeakEvent, kCrashEvent, kBurstEvent, kSlowerEvent };
constexpr std::uint64_t kEvents = 5;

// A queue as a fluid, one step a second.
class Fluid {
 public:
  Fluid(const simulate::Draws& draws) : draws_(draws) {}

  struct Second {
    breaker::Pulse pulse;
    std::uint32_t in_flight = 0;
    double latency = 0, bad = 0;
    bool breach() const { return latency > 0.5 * kTimeLimit || bad >= 0.4; }  // 0.4 errors weigh 0.6
  };

  // `at`: seconds into the event, negative before it.
  Second Step(Event event, double at, double length, std::uint64_t number) {
    double load = kUsualLoad, capacity = kUsualCapacity, service = kServiceTime;
    const double part = at < 0 || at > length ? 0 : at / length;
    if (event == Event::kRampEvent) load *= 1 + 1.6 * part;
    if (event == Event::kLeakEvent) capacity *= 1 - 0.7 * part;
    if (event == Event::kCrashEvent && part > 0) capacity = 1;
    if (event == Event::kBurstEvent && part > 0) load *= 1.5;
    if (event == Event::kSlowerEvent && part > 0) service *= 1.5;
    load *= 1 + 0.05 * draws_.Normal(simulate::Stream::kArrival, number);
    backlog_ = std::clamp(backlog_ + load - capacity, 0.0, 2 * kTimeLimit * capacity);
    const double busy = std::min(0.95, load / capacity);
    double latency = service / (1 - busy) + backlog_ / capacity;
    latency *= std::exp(0.05 * draws_.Normal(simulate::Stream::kWork, number));
    Second second;
    second.bad = latency > kTimeLimit ? 1 : 0.002;
    second.latency = std::min(latency, kTimeLimit);
    second.pulse.requests = static_cast<std::uint32_t>(std::max(1.0, load));
    second.pulse.latency = second.latency * 1e9 * second.pulse.requests;
    second.pulse.points = 2 * second.bad * second.pulse.requests;
    second.pulse.lost = static_cast<std::uint32_t>(second.bad * second.pulse.requests);
    second.in_flight = static_cast<std::uint32_t>(load * second.latency);
    return second;
  }

 private:
  const simulate::Draws& draws_;
  double backlog_ = 0;
};

struct Tallied {
  int right = 0, wrong = 0, gradual = 0, found = 0;
  std::vector<double> leads;
};

struct Watchers {
  breaker::Predictor predictor;
  breaker::Learner learner;
  breaker::Pupil pupil;

  bool Alarm(const std::string& variant, const Fluid::Second& second, TimePoint now) {
    const breaker::Foresight by_trend =
        predictor.Look(second.pulse, second.in_flight, simulate::Seconds(kTimeLimit), now);
    const breaker::Foresight by_model =
        pupil.Look(learner, predictor.features(), predictor.ready(), predictor.breach(), now);
    if (variant == kReactive) return second.bad >= 0.2;
    return (variant == kLogistic ? by_model : by_trend) == breaker::Foresight::kRaised;
  }
};

// One event: when it breached, when there was an alarm before it.
void RunEvent(Watchers& watchers, Fluid& fluid, const simulate::Draws& draws, std::uint64_t number,
              bool counts, const std::string& variant, Tallied& tallied) {
  const auto event = static_cast<Event>(draws.Below(simulate::Stream::kFault, number, kEvents));
  const double length = 30 + 60 * draws.Unit(simulate::Stream::kFault, number, 1);
  int onset = -1;
  std::vector<int> alarms;
  for (int s = 0; s < kApart; ++s) {
    const std::uint64_t at = number * kApart + static_cast<std::uint64_t>(s);
    const Fluid::Second second = fluid.Step(event, s - kBefore, length, at);
    const TimePoint now = FromNanos(1'000'000'000) + seconds(at);
    const bool alarm = watchers.Alarm(variant, second, now);
    if (second.breach() && onset < 0) onset = s;
    if (alarm && (alarms.empty() || s - alarms.back() > 20)) alarms.push_back(s);
  }
  if (!counts) return;
  const auto before = [&](int alarm) { return onset >= 0 && alarm >= onset - 45 && alarm < onset; };
  const auto meant = std::count_if(alarms.begin(), alarms.end(), before);
  const auto late =
      std::count_if(alarms.begin(), alarms.end(), [&](int a) { return onset >= 0 && a >= onset; });
  tallied.right += static_cast<int>(meant);
  // Told after it began: no false alarm, and no prediction.
  tallied.wrong += static_cast<int>(static_cast<std::ptrdiff_t>(alarms.size()) - meant - late);
  if (event != Event::kRampEvent && event != Event::kLeakEvent) return;
  if (onset < 0) return;  // it did not come to a breach
  ++tallied.gradual;
  tallied.found += meant > 0;
  if (meant > 0) tallied.leads.push_back(onset - *std::find_if(alarms.begin(), alarms.end(), before));
}

Result RunPrediction(const Setup& setup) {
  const simulate::Draws draws(setup.seed);
  Watchers watchers;
  Fluid fluid(draws);
  Tallied tallied;
  const std::uint64_t events = setup.quick ? 150 : 600;
  const std::uint64_t warm = events / 3;
  for (std::uint64_t number = 0; number < events; ++number)
    RunEvent(watchers, fluid, draws, number, number >= warm, setup.variant, tallied);
  std::sort(tallied.leads.begin(), tallied.leads.end());
  Result result;
  const int alarms = tallied.right + tallied.wrong;
  result.figures["precision"] = alarms == 0 ? 1 : static_cast<double>(tallied.right) / alarms;
  result.figures["recall, gradual"] = static_cast<double>(tallied.found) / std::max(1, tallied.gradual);
  result.figures["median lead"] = tallied.leads.empty() ? 0 : tallied.leads[tallied.leads.size() / 2];
  result.figures["false alarms per hour"] =
      tallied.wrong * 3600.0 / (static_cast<double>(events - warm) * kApart);
  return result;
}

}  // namespace

Scenario Prediction() {
  Scenario s;
  s.id = "S13";
  s.title = "A breach that is seen coming";
  s.text =
      "The agent's predictor (`circuitBreaker.predict`) looks once a second at a service that is a fluid "
      "queue: 100 requests "
      "per second, capacity for 200, 20 ms, a timeout of 1 s. Every four minutes something happens: load "
      "that rises or "
      "capacity that leaks away over 30 to 90 s, a sudden crash, a burst that is borne, answers that take "
      "half as long again. "
      "An alarm counts as right within 45 s before a breach. Sudden crashes have no precursor; recall is of "
      "the gradual ones. "
      "The mix is invented: precision in production will be lower. The logistic model, which learns from the "
      "first "
      "third of the events on, only looks on.";
  s.variants = {kWeft, kLogistic, kReactive};
  s.run = RunPrediction;
  s.shown = {{"precision", ""}, {"recall, gradual", ""}, {"median lead", "s"}, {"false alarms per hour", ""}};
  s.criteria = {
      {"precision", "", Bound::kAtLeast, 0.9, "precision"},
      Because(
          {"recall of gradual faults", "", Bound::kAtLeast, 0.8, "recall, gradual"},
          "After a false alarm it says nothing for five minutes and longer, which here is the next event."),
      {"median lead", "s", Bound::kAtLeast, 5, "median lead"}};
  Criterion benefit;
  benefit.text = "net benefit of shedding > 0";
  benefit.missing = "a world in which a prediction acts: the default is shadow";
  s.criteria.push_back(benefit);
  return s;
}

}  // namespace weft::sim
