// Scenarios whose algorithm is not there yet. What they ask for is kept, so that the table tells the truth.
#include "tests/sim/sim.h"

namespace weft::sim {
namespace {

Scenario Missing(const char* id, const char* title, const char* what, std::vector<std::string> criteria) {
  Scenario s;
  s.id = id;
  s.title = title;
  for (std::string& text : criteria) {
    Criterion c;
    c.text = std::move(text);
    c.missing = what;
    s.criteria.push_back(std::move(c));
  }
  return s;
}

}  // namespace

std::vector<Scenario> NotBuilt() {
  return {
      Missing("S3", "How much load counts as hot", "hot-cold selection",
              {"latency control alone is clearly the worst tail",
               "optimum inside [0.6, 0.9] from 8 requests in flight on"}),
      Missing(
          "S4", "How often to probe", "hot-cold selection",
          {"a jump below 1 probe per query without piggy-back", "piggy-back flat from 5 rps per client on"}),
      Missing("S13", "A breach that is seen coming", "prediction",
              {"precision >= 0.9, recall >= 0.8, lead >= 5 s"}),
      Missing("S16", "A timeout that follows the service", "adaptive timeouts",
              {"false time-outs 0.05 to 0.2 %", "no spiral, frozen in an outage"}),
      Missing("S17", "Twice the load that a service can bear", "concurrency limits",
              {"goodput >= 90 % of capacity at 2x", "p99 <= 5x unloaded"}),
      Missing("S18", "One quota for fifty agents", "global quota",
              {"utilisation >= 95 %", "over-admission <= 5 % per second",
               "safe share 70 s after the control plane is lost"}),
      Missing("S19", "Reuse of connections",
              "a pool without sockets: the agent's owns them, so it does not run in virtual time",
              {"reuse = 1 - exp(-r t) within 2 %", ">= 99 % at 1 rps per instance"}),
      Missing("S20", "Subsets of a hundred backends", "subsetting",
              {"max/min connections <= 1.3", "churn <= 1/N per change"}),
      Missing("S21", "Hedging against stragglers", "hedging",
              {"p99.9 halved at <= 2 % more load", "off above 70 % utilisation"}),
      Missing("S22", "Keys that stay where they are", "ring hash and Maglev",
              {"moved keys <= 2/N", "most loaded <= 1.25"}),
  };
}

}  // namespace weft::sim
