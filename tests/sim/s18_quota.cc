// Fifty agents' buckets and shares, and the control plane's book: the production objects, asked once a second
// as agents do. No world: there is nothing to pick and nobody to answer.
#include <algorithm>
#include <cmath>
#include <map>

#include "agent/limit/rate_limits.h"
#include "agent/limit/share.h"
#include "agent/simulate/draws.h"
#include "controlplane/quota/book.h"
#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kSplit = "static split";
constexpr double kCap = 1000;
constexpr std::uint32_t kSharers = 50, kBurst = 50;
constexpr int kDemandMoves = 30, kLostAt = 60, kSafeAt = 131, kLength = 150;
constexpr int kStep = 5;                                                     // ms
constexpr double kOneToken = 100 / (kCap / kSharers * (kLength - kSafeAt));  // in percent of a safe share

policy::RateLimit Limit() {
  policy::RateLimit limit;
  limit.name = "all";
  limit.rate = kCap;
  limit.burst = kBurst;
  limit.global = true;
  return limit;
}

// Requests per second of an agent: a few are asked for most; halfway others are.
double DemandOf(std::uint32_t agent, int second) {
  const std::uint32_t rank = second < kDemandMoves ? agent : (agent + 25) % kSharers;
  return 1400 * std::pow(rank + 1, -0.9) / 5.372;  // their sum
}

struct Sharer {
  limit::Buckets buckets{limit::RateOf(Limit(), kCap / kSharers)};
  limit::Share share;
  std::uint64_t asked = 0;
};

Result RunQuota(const Setup& setup) {
  const simulate::Draws draws(setup.seed);
  const TimePoint begin = FromNanos(1'000'000'000'000);
  const bool split = setup.variant == kSplit;
  quota::Book book;
  std::vector<std::unique_ptr<Sharer>> agents;
  for (std::uint32_t i = 0; i < kSharers; ++i) agents.push_back(std::make_unique<Sharer>());
  std::vector<double> admitted(kLength), of_one(kSharers);
  Result result;
  for (int ms = 0; ms < kLength * 1000; ms += kStep) {
    const TimePoint now = begin + milliseconds(ms);
    const int second = ms / 1000;
    for (std::uint32_t i = 0; i < kSharers; ++i) {
      Sharer& agent = *agents[i];
      const std::uint64_t at = (static_cast<std::uint64_t>(ms) << 8 | i) * 4;
      if (ms % 1000 == static_cast<int>(i * 20 / kStep) * kStep && !split) {
        const double wanted = agent.share.Wanted(agent.asked, now);
        if (second < kLostAt) {
          const quota::Share share = book.Ask(std::to_string(i), "all", {kCap, 1, wanted}, now);
          agent.share.Grant(share.rate, share.agents, quota::kLease, now);
        }
        const double rate = agent.share.Rate(kCap, kSharers, now);
        agent.buckets.Change(limit::RateOf(Limit(), rate, agent.share.Room(rate, now)), now);
      }
      // Of a Poisson process in steps so short that there are seldom two.
      const double mean = DemandOf(i, second) * kStep / 1000;
      double left = draws.Exponential(simulate::Stream::kArrival, at);
      for (std::uint64_t n = 1; left < mean; ++n) {
        ++agent.asked;
        ++result.events;
        if (agent.buckets.TakeShared(now).admitted) {
          admitted[static_cast<std::size_t>(second)] += 1;
          if (second >= kSafeAt) of_one[i] += 1;
        }
        left += draws.Exponential(simulate::Stream::kArrival, at, n);
      }
    }
  }
  double steady = 0, most = 0;
  for (int s = 5; s < kLostAt; ++s) {
    const double each = admitted[static_cast<std::size_t>(s)];
    if (s < kDemandMoves || s >= kDemandMoves + 5) steady += each;
    most = std::max(most, each);
  }
  result.figures["utilisation"] = 100 * steady / (kCap * (kLostAt - 10));
  result.figures["over"] = 100 * (most / kCap - 1);
  const double safe = kCap / kSharers * (kLength - kSafeAt);
  result.figures["of safe share"] = 100 * *std::max_element(of_one.begin(), of_one.end()) / safe;
  result.series["admitted"] = admitted;
  return result;
}

}  // namespace

Scenario Quota() {
  Scenario s;
  s.id = "S18";
  s.title = "One quota for fifty agents";
  s.text =
      "Fifty agents keep 1,000 requests per second together (`global: true`, burst 50) and are asked for "
      "1,400, a "
      "few of them for most; after 30 s others are. After 60 s the control plane is gone. Utilisation is of "
      "the "
      "seconds 5 to 60 without the five after the change; what is over is the busiest second from 5 to 60; "
      "the "
      "safe share is a fiftieth, and is looked at from 71 s after the loss.";
  s.variants = {kWeft, kSplit};
  s.run = RunQuota;
  s.shown = {{"utilisation", "%"}, {"over", "%"}, {"of safe share", "%"}};
  s.criteria = {
      {"utilisation", "%", Bound::kAtLeast, 95, "utilisation"},
      Because({"admitted above the quota, busiest second", "%", Bound::kAtMost, 5, "over", Over::kWorst},
              "What an agent's share saves up for a second makes up for requests that come unevenly, and in "
              "the worst of "
              "the thousand seconds of twenty seeds more agents spend it at once than the limit allows for."),
      {"busiest agent 70 s after the loss, of the safe share", "%", Bound::kAtMost, 100 + kOneToken,
       "of safe share", Over::kWorst}};
  s.charts = {{"admitted",
               "Admitted per second; others are asked from 30 s on, the control plane is gone at 60 s",
               "seconds",
               "requests",
               {}}};
  return s;
}

}  // namespace weft::sim
