#include "tests/sim/baseline/probing.h"

#include <algorithm>
#include <cmath>

namespace weft::sim {
namespace {

using simulate::Draws;
using simulate::Flight;
using simulate::Stream;
using From = std::span<const std::uint32_t>;

class Weighted final : public Balancer {
 public:
  Weighted(std::shared_ptr<Centre> centre, std::uint32_t client)
      : centre_(std::move(centre)), current_(centre_->weights().size()) {
    for (std::size_t i = 0; i < current_.size(); ++i)
      current_[i] = static_cast<double>((i * 37 + client * 61) % current_.size()) /
                    static_cast<double>(current_.size());
  }
  std::uint32_t Pick(From from, const Flight&, TimePoint) override {
    const std::vector<double>& weights = centre_->weights();
    double sum = 0;
    std::uint32_t best = from[0];
    for (const std::uint32_t s : from) {
      current_[s] += weights[s];
      sum += weights[s];
      if (current_[s] > current_[best]) best = s;
    }
    current_[best] -= sum;
    return best;
  }
  void Ended(const Flight& flight, bool good, TimePoint) override {
    if (good) centre_->Served(flight.server);
  }

 private:
  std::shared_ptr<Centre> centre_;
  std::vector<double> current_;
};

class FreshChoices final : public Balancer {
 public:
  FreshChoices(simulate::World& world, std::uint64_t seed) : world_(world), draws_(seed) {}
  std::uint32_t Pick(From from, const Flight& flight, TimePoint) override {
    const std::uint64_t number = flight.number * 8 + flight.attempts;
    const std::size_t first = draws_.Below(Stream::kPolicy, number, from.size());
    std::size_t second = draws_.Below(Stream::kPolicy, number, from.size() - 1, 1);
    second += second >= first;
    return world_.server(from[second]).in_flight() < world_.server(from[first]).in_flight() ? from[second]
                                                                                            : from[first];
  }

 private:
  simulate::World& world_;
  Draws draws_;
};

class Probing final : public Balancer {
 public:
  Probing(Score score, std::shared_ptr<LoadBook> book, std::uint32_t servers, std::uint32_t clients,
          std::uint64_t seed)
      : score_(score),
        book_(std::move(book)),
        clients_(clients),
        draws_(seed),
        own_(servers),
        costs_(servers, 0.075) {}

  std::uint32_t Pick(From from, const Flight& flight, TimePoint now) override {
    index_ = 0;
    number_ = flight.number * 8 + flight.attempts;
    Absorb(now);
    std::erase_if(pool_, [&](const Probe& p) { return now - p.at > kOldest; });
    const std::uint32_t server = pool_.size() < 2 ? from[Below(from.size())] : Best();
    Remove();
    for (int i = 0; i < kProbes; ++i) Send(from, now);
    return server;
  }
  void Sent(const Flight& flight, std::uint32_t server, TimePoint) override {
    if (arrived_.size() <= flight.index) arrived_.resize(flight.index + 1);
    arrived_[flight.index] = book_->Arriving(server);
    ++own_[server];
  }
  void Ended(const Flight& flight, bool good, TimePoint now) override {
    --own_[flight.server];
    const double took = simulate::InSeconds(now - flight.sent);
    costs_[flight.server] += 0.1 * (took - costs_[flight.server]);
    if (good) book_->Served(flight.server, arrived_[flight.index], simulate::InSeconds(now - flight.sent));
  }

 private:
  static constexpr std::size_t kPool = 16;
  static constexpr int kProbes = 3;
  static constexpr Duration kOldest = std::chrono::seconds(1), kThere = std::chrono::milliseconds(1);
  static constexpr double kQuantile = 0.84, kReuse = 1.32;

  struct Probe {
    std::uint32_t server = 0;
    TimePoint at;
    double in_flight = 0, latency = 0;
    int uses = 0;
  };

  std::uint64_t Below(std::uint64_t n) { return draws_.Below(Stream::kPolicy, number_, n, index_++); }

  void Send(From from, TimePoint now) {
    const std::uint32_t server = from[Below(from.size())];
    const LoadBook::Load load = book_->Probe(server);
    const int uses =
        static_cast<int>(kReuse) + (static_cast<double>(Below(100)) < 100 * (kReuse - 1) ? 1 : 0);
    on_the_way_.push_back({server, now + kThere, static_cast<double>(load.in_flight), load.latency, uses});
  }
  void Absorb(TimePoint now) {
    while (!on_the_way_.empty() && on_the_way_.front().at <= now) {
      std::erase_if(pool_, [&](const Probe& p) { return p.server == on_the_way_.front().server; });
      if (pool_.size() == kPool) pool_.erase(pool_.begin());
      pool_.push_back(on_the_way_.front());
      on_the_way_.pop_front();
    }
  }
  double Threshold() {
    scratch_.clear();
    for (const Probe& p : pool_) scratch_.push_back(p.in_flight);
    const auto at = static_cast<std::ptrdiff_t>(kQuantile * static_cast<double>(scratch_.size() - 1));
    std::nth_element(scratch_.begin(), scratch_.begin() + at, scratch_.end());
    return scratch_[static_cast<std::size_t>(at)];
  }
  // Lower is better.
  double ScoreOf(const Probe& p, double threshold) const {
    if (score_ == Score::kHotCold) return p.in_flight > threshold ? 1e6 + p.in_flight : p.latency;
    const double service = costs_[p.server] / (1 + p.in_flight),
                 q = 1 + own_[p.server] * clients_ + p.in_flight;
    return costs_[p.server] - service + q * q * q * service;
  }
  std::uint32_t Best() {
    const double threshold = Threshold();
    const auto best = std::min_element(pool_.begin(), pool_.end(), [&](const Probe& a, const Probe& b) {
      return ScoreOf(a, threshold) < ScoreOf(b, threshold);
    });
    const std::uint32_t server = best->server;
    best->in_flight += 1;
    if (--best->uses <= 0) pool_.erase(best);
    return server;
  }
  // One per request, the oldest and the worst in turn.
  void Remove() {
    if (pool_.size() < 3) return;
    remove_oldest_ = !remove_oldest_;
    if (remove_oldest_) {
      pool_.erase(pool_.begin());
      return;
    }
    const double threshold = Threshold();
    pool_.erase(std::max_element(pool_.begin(), pool_.end(), [&](const Probe& a, const Probe& b) {
      return ScoreOf(a, threshold) < ScoreOf(b, threshold);
    }));
  }

  Score score_;
  std::shared_ptr<LoadBook> book_;
  double clients_;
  Draws draws_;
  std::uint64_t number_ = 0, index_ = 0;
  bool remove_oldest_ = false;
  std::vector<Probe> pool_;  // oldest first
  std::deque<Probe> on_the_way_;
  std::vector<double> own_, costs_, scratch_;
  std::vector<std::uint32_t> arrived_;  // by flight
};

}  // namespace

void Centre::Update() {
  constexpr double kKept = 0.9;  // per second: 10 s
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    Seen& seen = seen_[i];
    const double used = world_.server(i).used();
    seen.rate = kKept * seen.rate + (1 - kKept) * static_cast<double>(seen.answered - seen.before);
    seen.utilisation = kKept * seen.utilisation + (1 - kKept) * (used - seen.used) / cores_;
    seen.before = seen.answered;
    seen.used = used;
    if (seen.utilisation > 0) weights_[i] = seen.rate / seen.utilisation;
  }
}

std::size_t LoadBook::BucketOf(std::uint32_t in_flight) {
  if (in_flight < 32) return in_flight;
  return std::min<std::size_t>(kBuckets - 1, 32 + static_cast<std::size_t>(8 * std::log2(in_flight / 32.0)));
}

void LoadBook::Served(std::uint32_t server, std::uint32_t in_flight, double latency) {
  Bucket& bucket = books_[server][BucketOf(in_flight)];
  bucket.last[bucket.count++ % kKept] = static_cast<float>(latency);
}

LoadBook::Load LoadBook::Probe(std::uint32_t server) const {
  const std::uint32_t in_flight = world_.server(server).in_flight();
  const auto at = static_cast<std::ptrdiff_t>(BucketOf(in_flight));
  for (std::ptrdiff_t distance = 0; distance < static_cast<std::ptrdiff_t>(kBuckets); ++distance) {
    for (const std::ptrdiff_t i : {at - distance, at + distance}) {
      if (i < 0 || i >= static_cast<std::ptrdiff_t>(kBuckets)) continue;
      const Bucket& bucket = books_[server][static_cast<std::size_t>(i)];
      if (bucket.count == 0) continue;
      std::array<float, kKept> last = bucket.last;
      const std::size_t n = std::min<std::size_t>(bucket.count, kKept);
      std::nth_element(last.begin(), last.begin() + n / 2, last.begin() + n);
      return {in_flight, last[n / 2]};
    }
  }
  return {in_flight, 0};
}

std::unique_ptr<Balancer> MakeWeighted(std::shared_ptr<Centre> centre, std::uint32_t client) {
  return std::make_unique<Weighted>(std::move(centre), client);
}
std::unique_ptr<Balancer> MakeFreshChoices(simulate::World& world, std::uint64_t seed) {
  return std::make_unique<FreshChoices>(world, seed);
}
std::unique_ptr<Balancer> MakeProbing(Score score, std::shared_ptr<LoadBook> book, std::uint32_t servers,
                                      std::uint32_t clients, std::uint64_t seed) {
  return std::make_unique<Probing>(score, std::move(book), servers, clients, seed);
}

}  // namespace weft::sim
