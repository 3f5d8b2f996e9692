#pragma once
// Rules of selection that know more than their own client's requests: weights from a centre that sees all,
// the servers' true load, and pools of probes. For the hot-cold comparison; sources: NSDI'24 (Prequal),
// NSDI'15 (C3). Thread rule: one thread.

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "agent/simulate/world.h"
#include "tests/sim/baseline/balancer.h"

namespace weft::sim {

// Requests per second over utilisation of each server, smoothed over 10 s, known to every client at once:
// kinder than reality. Update it once per second.
class Centre {
 public:
  Centre(simulate::World& world, double cores)
      : world_(world), cores_(cores), weights_(world.servers(), 1), seen_(world.servers()) {}
  void Served(std::uint32_t server) { ++seen_[server].answered; }
  void Update();
  const std::vector<double>& weights() const { return weights_; }

 private:
  struct Seen {
    std::uint64_t answered = 0, before = 0;
    double used = 0, rate = 0, utilisation = 0;
  };
  simulate::World& world_;
  double cores_;
  std::vector<double> weights_;
  std::vector<Seen> seen_;
};

// What a server answers to a probe: requests in flight, and the median of the last response times of requests
// that came when about as many were.
class LoadBook {
 public:
  explicit LoadBook(simulate::World& world) : world_(world), books_(world.servers()) {}
  struct Load {
    std::uint32_t in_flight;
    double latency;  // seconds
  };
  Load Probe(std::uint32_t server) const;
  std::uint32_t Arriving(std::uint32_t server) const { return world_.server(server).in_flight(); }
  void Served(std::uint32_t server, std::uint32_t in_flight, double latency);

 private:
  static constexpr std::size_t kBuckets = 64, kKept = 8;
  struct Bucket {
    std::array<float, kKept> last{};
    std::uint32_t count = 0;
  };
  using Book = std::array<Bucket, kBuckets>;
  static std::size_t BucketOf(std::uint32_t in_flight);
  simulate::World& world_;
  std::vector<Book> books_;
};

std::unique_ptr<Balancer> MakeWeighted(std::shared_ptr<Centre> centre,
                                       std::uint32_t client);                            // smooth round robin
std::unique_ptr<Balancer> MakeFreshChoices(simulate::World& world, std::uint64_t seed);  // true load, of two
enum class Score : std::uint8_t {
  kHotCold,  // Prequal: least latency of the cold, fewest in flight if all are hot; Q_RIF 0.84
  kC3,       // R - 1/mu + q^3/mu with q = 1 + own * clients + in flight
};
// Prequal's pool: 16 probes of at most 1 s, 3 new ones per request, one removed, reused 1.32 times.
std::unique_ptr<Balancer> MakeProbing(Score score, std::shared_ptr<LoadBook> book, std::uint32_t servers,
                                      std::uint32_t clients, std::uint64_t seed);

}  // namespace weft::sim
