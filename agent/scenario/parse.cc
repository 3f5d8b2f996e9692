#include "agent/scenario/scenario.h"
#include "common/resource/reader.h"
#include "common/resource/text.h"

namespace weft::scenario {
namespace {

using resource::Between;
using resource::MapReader;
using std::chrono::hours;
using std::chrono::milliseconds;

enum class Kind : std::uint8_t { kRefuse, kReset, kHang, kBlackHole, kErrors, kSlow };
constexpr std::array kKinds = {
    resource::Choice<Kind>{"refuse", Kind::kRefuse}, resource::Choice<Kind>{"reset", Kind::kReset},
    resource::Choice<Kind>{"hang", Kind::kHang},     resource::Choice<Kind>{"blackHole", Kind::kBlackHole},
    resource::Choice<Kind>{"errors", Kind::kErrors}, resource::Choice<Kind>{"slow", Kind::kSlow}};

const auto kAnyTime = Between<Duration>(Duration::zero(), hours(24));

void ReadErrors(MapReader& map, simulate::Behaviour& out) {
  double percent = 100;
  map.Optional("percent", percent, Between(0.0, 100.0));
  out.error_rate = percent / 100;
  map.Optional("status", out.error_status, Between<std::int64_t>(400, 599));
  map.Optional("retryAfter", out.retry_after, kAnyTime);
}

void ReadFault(const resource::Value& value, TimedFault& out) {
  value.Map([&](MapReader& map) {
    Kind kind = Kind::kRefuse;
    map.Required("at", out.at, kAnyTime);
    map.Optional("for", out.lasts, kAnyTime);
    map.Optional("instances", out.instances);
    if (!map.Required("kind", kind, kKinds)) return;
    switch (kind) {
      case Kind::kRefuse: out.behaviour.fault = simulate::Fault::kRefuse; break;
      case Kind::kReset: out.behaviour.fault = simulate::Fault::kReset; break;
      case Kind::kHang: out.behaviour.fault = simulate::Fault::kHang; break;
      case Kind::kBlackHole: out.behaviour.fault = simulate::Fault::kBlackHole; break;
      case Kind::kErrors: ReadErrors(map, out.behaviour); break;
      case Kind::kSlow: map.Required("by", out.behaviour.extra, kAnyTime); break;
    }
  });
}

void ReadScenario(MapReader& map, Scenario& out) {
  map.Optional("duration", out.duration, Between<Duration>(milliseconds(100), hours(24)));
  map.Optional("rate", out.rate, Between(0.001, 100'000.0));
  map.Optional("agents", out.agents, Between<std::int64_t>(1, 1000));
  map.Optional("seed", out.seed, Between<std::int64_t>(0, std::numeric_limits<std::int64_t>::max()));
  map.Optional("authority", out.authority);
  map.Optional("path", out.path);
  map.Optional("postPercent", out.post_percent, Between(0.0, 100.0));
  map.Optional("latency", out.latency, Between<Duration>(Duration(1000), hours(1)));
  map.Optional("spread", out.spread, Between(0.0, 3.0));
  map.Optional("cores", out.cores, Between(0.0, 10'000.0));
  map.List("faults", 1000, [&](const resource::Value& item) { ReadFault(item, out.faults.emplace_back()); });
}

}  // namespace

Parsed Parse(std::string_view text, const std::string& file) {
  Parsed parsed;
  resource::Problems problems(file);
  std::vector<resource::Node> trees = resource::ParseTexts(text, problems);
  if (problems.count() == 0 && trees.size() != 1) {
    problems.Add({}, "", "a scenario is one YAML document; this file has " + std::to_string(trees.size()));
  }
  if (problems.count() == 0) {
    resource::Value(trees.front(), problems).Map([&](MapReader& map) { ReadScenario(map, parsed.scenario); });
  }
  parsed.errors = problems.Take();
  return parsed;
}

}  // namespace weft::scenario
