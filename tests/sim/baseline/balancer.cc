#include "tests/sim/baseline/balancer.h"

#include <algorithm>
#include <cmath>

namespace weft::sim {
namespace {

using simulate::Draws;
using simulate::Flight;
using simulate::Stream;
using From = std::span<const std::uint32_t>;

// Each attempt of each request has its own draws, whatever came before.
class Chance {
 public:
  Chance(const Draws& draws, const Flight& flight) : draws_(draws), flight_(flight) {}
  std::uint64_t Below(std::uint64_t n) {
    return draws_.Below(Stream::kPolicy, flight_.number * 8 + flight_.attempts, n, index_++);
  }

 private:
  const Draws& draws_;
  const Flight& flight_;
  std::uint64_t index_ = 0;
};

class Random final : public Balancer {
 public:
  explicit Random(std::uint64_t seed) : draws_(seed) {}
  std::uint32_t Pick(From from, const Flight& flight, TimePoint) override {
    return from[Chance(draws_, flight).Below(from.size())];
  }

 private:
  Draws draws_;
};

class RoundRobin final : public Balancer {
 public:
  explicit RoundRobin(std::uint64_t start) : next_(start) {}
  std::uint32_t Pick(From from, const Flight&, TimePoint) override { return from[next_++ % from.size()]; }

 private:
  std::uint64_t next_;
};

class Counting : public Balancer {
 public:
  Counting(std::uint32_t servers, std::uint64_t seed) : draws_(seed), in_flight_(servers) {}
  void Sent(const Flight&, std::uint32_t server, TimePoint) override { ++in_flight_[server]; }
  void Ended(const Flight& flight, bool, TimePoint) override { --in_flight_[flight.server]; }

 protected:
  Draws draws_;
  std::vector<std::uint32_t> in_flight_;
};

class LeastLoaded final : public Counting {
 public:
  using Counting::Counting;
  std::uint32_t Pick(From from, const Flight& flight, TimePoint) override {
    Chance chance(draws_, flight);
    const std::size_t start = chance.Below(from.size());
    std::uint32_t best = from[start];
    for (std::size_t i = 1; i < from.size(); ++i) {
      const std::uint32_t other = from[(start + i) % from.size()];
      if (in_flight_[other] < in_flight_[best]) best = other;
    }
    return best;
  }
};

template <class Load>
std::uint32_t BetterOfTwo(From from, Chance chance, Load load) {
  const std::size_t first = chance.Below(from.size());
  if (from.size() == 1) return from[first];
  std::size_t second = chance.Below(from.size() - 1);
  second += second >= first;
  return load(from[second]) < load(from[first]) ? from[second] : from[first];
}

class TwoChoices final : public Counting {
 public:
  using Counting::Counting;
  std::uint32_t Pick(From from, const Flight& flight, TimePoint) override {
    return BetterOfTwo(from, Chance(draws_, flight), [this](std::uint32_t s) { return in_flight_[s]; });
  }
};

class PeakEwma final : public Counting {
 public:
  PeakEwma(std::uint32_t servers, std::uint64_t seed) : Counting(servers, seed), costs_(servers) {}
  std::uint32_t Pick(From from, const Flight& flight, TimePoint now) override {
    return BetterOfTwo(from, Chance(draws_, flight),
                       [&](std::uint32_t s) { return CostOf(s, now) * (in_flight_[s] + 1.0); });
  }
  void Ended(const Flight& flight, bool good, TimePoint now) override {
    Counting::Ended(flight, good, now);
    Cost& cost = costs_[flight.server];
    const double rtt = simulate::InSeconds(now - flight.sent);
    if (rtt > cost.value) {
      cost.value = rtt;
    } else {
      const double kept = Kept(cost, now);
      cost.value = rtt * (1 - kept) + cost.value * kept;
    }
    cost.at = now;
  }

 private:
  struct Cost {
    double value = 0.030;  // Linkerd's default for an endpoint not seen
    TimePoint at;
  };
  static double Kept(const Cost& cost, TimePoint now) {
    return std::exp(-simulate::InSeconds(now - cost.at) / 10);
  }
  double CostOf(std::uint32_t server, TimePoint now) const {
    const Cost& cost = costs_[server];
    return std::max(0.001, cost.at == TimePoint{} ? cost.value : cost.value * Kept(cost, now));
  }
  std::vector<Cost> costs_;
};

}  // namespace

std::unique_ptr<Balancer> MakeBalancer(Rule rule, std::uint32_t servers, std::uint64_t seed,
                                       std::uint32_t client) {
  const std::uint64_t own = Draws(seed).Below(Stream::kPolicy, client, std::uint64_t{1} << 62, 1000);
  switch (rule) {
    case Rule::kRandom: return std::make_unique<Random>(own);
    case Rule::kRoundRobin: return std::make_unique<RoundRobin>(own);
    case Rule::kLeastLoaded: return std::make_unique<LeastLoaded>(servers, own);
    case Rule::kTwoChoices: return std::make_unique<TwoChoices>(servers, own);
    case Rule::kPeakEwma: return std::make_unique<PeakEwma>(servers, own);
  }
  return nullptr;
}

}  // namespace weft::sim
