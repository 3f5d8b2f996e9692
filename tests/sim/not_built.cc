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
      Missing("S3", "How much load counts as hot",
              "a quantile that can be set: the agent has 0.84, and 0 below 8 requests in flight",
              {"latency control alone is clearly the worst tail",
               "optimum inside [0.6, 0.9] from 8 requests in flight on"}),
      Missing(
          "S4", "How often to probe", "probes: the agent learns load from answers alone",
          {"a jump below 1 probe per query without piggy-back", "piggy-back flat from 5 rps per client on"}),
      Missing("S19", "Reuse of connections",
              "a pool without sockets: the agent's owns them, so it does not run in virtual time",
              {"reuse = 1 - exp(-r t) within 2 %", ">= 99 % at 1 rps per instance"}),
  };
}

}  // namespace weft::sim
