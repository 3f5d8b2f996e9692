#pragma once
// What selection keeps about one instance in one worker, and the peak-sensitive average of its response
// times.
//
// Observe: a slower sample replaces the average at once (peak), a faster one moves it by exp(-dt/tau), tau =
// 10 s (Finagle's PeakEwma, Linkerd). An instance never seen is the cheapest until it has its first request,
// and counts as 30 ms while that is under way; below 1 ms all are alike. A failure never improves the
// average, so answering errors fast attracts nobody; an overload answer (429, 503) costs 5 s or its
// Retry-After. Thread rule: one worker. Costs are nanoseconds.

#include <cstdint>

#include "common/time/time.h"

namespace weft::select {

inline constexpr Duration kTau = std::chrono::seconds(10);
inline constexpr Duration kDefaultCost = std::chrono::milliseconds(30);
inline constexpr Duration kLeastCost = std::chrono::milliseconds(1);
inline constexpr Duration kOverloadCost = std::chrono::seconds(5);
inline constexpr Duration kMostOverloadCost = std::chrono::seconds(300);

// exp(-elapsed/tau) from a table of our own: the same in every binary. 1 for elapsed <= 0, 0 past 16 tau.
double Decay(Duration elapsed, Duration tau);

inline constexpr std::uint32_t kNoPlace = ~std::uint32_t{0};

struct Node {
  std::uint64_t hash = 0;          // of the instance: where it stands in a hash table
  std::uint32_t place = kNoPlace;  // in the set of all that may be picked; kNoPlace: not now
  TimePoint since;                 // joined or came back; zero: long ago
  std::uint32_t weight = 1;        // zero: drained
  std::uint32_t in_flight = 0;
  bool degraded = false;   // counts as a quarter of its weight
  std::uint8_t level = 0;  // levels.h
  double cost = static_cast<double>(kDefaultCost.count());
  TimePoint stamp;             // of `cost`; zero: never observed
  std::int64_t current = 0;    // of smooth weighted round robin
  std::uint32_t failures = 0;  // in a row, of attempts

  // What its agent said of it, in a response (hotCold). `load_at` zero: nothing.
  std::uint32_t load_in_flight = 0;
  Duration load_latency = Duration::zero();
  TimePoint load_at;

  void ObserveSuccess(Duration took, TimePoint now) {
    failures = 0;
    Observe(static_cast<double>(took.count()), now);
  }
  // It would have taken longer, had it been waited for.
  void ObserveAtLeast(Duration took, TimePoint now) {
    if (static_cast<double>(took.count()) > cost) Observe(static_cast<double>(took.count()), now);
  }
  void ObserveFailure(Duration took, TimePoint now);
  void ObserveOverload(Duration took, Duration retry_after, TimePoint now);
  double Cost(TimePoint now) const;  // decayed to now, at least kLeastCost

 private:
  void Observe(double nanos, TimePoint now);
};

}  // namespace weft::select
