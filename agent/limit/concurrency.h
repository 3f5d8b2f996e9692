#pragma once
// How many requests an application serves at once, found from its response times; more would only wait in it.
//
// Per window of at least 250 ms and 50 answers (or 1 s and 10), with L the limit, RTT the mean response time:
//
//   kGradient  g = clamp(1.5 * long / RTT, 0.5, 1);  L = 0.8 L + 0.2 (g L + sqrt(L))
//              `long` is RTT smoothed, over 10 s when it falls and 10 minutes when it rises, and gives way by
//              5 % a window while it is above twice RTT (Netflix Gradient2, which smooths both ways alike:
//              then an overload that lasts a minute becomes its own measure)
//   kVegas     queue = L (1 - least / RTT), `least` the lowest RTT, forgotten after 60 s to 120 s;
//              with l = max(1, floor(log10 L)): queue <= l: L += 6 l; < 3 l: L += l; > 6 l: L -= l
//   kAimd      L += 1
//
// A window with a drop (time-out, refused, 429 or 503 of the application): kAimd and kVegas L *= 0.9;
// kGradient sees it in RTT. While fewer than half of L were ever in flight in a window, L stays: nothing was
// learned of it. min <= L <= max. What is above L is refused at once, never queued here: its caller can still
// go elsewhere. Shares of L by priority: sheddable 80 %, default 95 %, critical 100 %, so that what matters
// least goes first (without a priority header every request is critical).
//
// Source: resilience.md 6.2 (github.com/Netflix/concurrency-limits). Shared by all workers and exact: the
// number in flight is under a spin lock that is held for a few loads and stores; off, it is never touched.
// Thread rule: any thread.

#include <atomic>
#include <cstdint>
#include <string_view>

#include "agent/limit/spin.h"
#include "common/policy/policy.h"
#include "common/time/time.h"

namespace weft::limit {

enum class Priority : std::uint8_t { kSheddable, kDefault, kCritical };

class Concurrency {
 public:
  [[nodiscard]] bool TryEnter(const policy::Concurrency& policy, Priority priority);
  // Once per successful TryEnter. `counts` false: its time says nothing (a client that left, a stream).
  void Leave(const policy::Concurrency& policy, Duration took, bool dropped, bool counts, TimePoint now);

  std::uint32_t limit() const { return shown_.load(std::memory_order_relaxed); }  // zero: nobody asked yet
  std::uint32_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  struct Window {
    TimePoint began;
    double sum = 0;  // of response times, ns
    std::uint32_t answers = 0, most = 0;
    bool dropped = false;
  };

  void Adopt(const policy::Concurrency& policy);
  void Close(const policy::Concurrency& policy, TimePoint now);
  double Next(const policy::Concurrency& policy, double rtt) const;

  std::atomic<bool> locked_{false};
  std::atomic<std::uint32_t> in_flight_{0}, shown_{0};
  double limit_ = 0;  // zero: begins with `initial`
  double long_ = 0, least_ = 0;
  TimePoint least_until_;
  Window window_;
};

// By the value of the priority header; anything else, also none, is kDefault.
Priority PriorityOf(std::string_view value);

}  // namespace weft::limit
