#pragma once
// Circuit breakers of a whole service as others build them, fed with final outcomes. Thread rule: one thread.

#include <cstdint>
#include <memory>

#include "common/time/time.h"

namespace weft::sim {

class ServiceBreaker {
 public:
  virtual ~ServiceBreaker() = default;
  virtual bool Admit(TimePoint now) = 0;
  virtual void Ended(bool good, TimePoint now) = 0;
  std::uint32_t openings = 0;
};

// A rate of failures over a window of whole seconds, then open for a fixed time, then `probes` requests of
// which none may fail (Hystrix, the seeds) or fewer than the rate (Resilience4j).
struct RateBreaker {
  double rate = 0.5;
  std::uint32_t fewest = 20;
  Duration open = std::chrono::seconds(5);
  std::uint32_t probes = 1;
  bool all_probes_good = true;
};
// Hystrix: 50 % of at least 20 in 10 s, looked at every 500 ms, 5 s open, one probe.
inline constexpr RateBreaker kHystrix{};
// Resilience4j with a window of 10 s: 50 % of at least 100, 60 s open, 10 probes judged by the rate.
inline constexpr RateBreaker kResilience4j{0.5, 100, std::chrono::seconds(60), 10, false};
// The seeds: open for 60 s, 3 probes.
inline constexpr RateBreaker kSeed{0.5, 20, std::chrono::seconds(60), 3, true};

std::unique_ptr<ServiceBreaker> MakeBreaker(const RateBreaker& settings);

}  // namespace weft::sim
