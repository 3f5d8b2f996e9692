#include "agent/breaker/window.h"

namespace weft::breaker {
namespace {

constexpr double kSlowBadness = 0.30;
constexpr double kFastBadness = 0.60;
constexpr double kFailure = 1.5;  // from this weight on, an outcome belongs to a run
constexpr std::uint32_t kRun = 5;
constexpr Duration kRunLasts = std::chrono::milliseconds(250);
constexpr Duration kHardRunLasts = std::chrono::milliseconds(150);

bool Enough(const Points& p, const policy::CircuitBreaker& policy, double badness) {
  return p.requests >= policy.minimum_requests && p.all >= policy.failure_threshold &&
         p.all >= badness * p.requests && p.all - p.of_4xx >= 0.5 * p.all;
}

}  // namespace

const char* ToString(Trip trip) {
  switch (trip) {
    case Trip::kNo: return "no";
    case Trip::kSlow: return "slow";
    case Trip::kFast: return "fast";
    case Trip::kConsecutive: return "consecutive";
  }
  return "no";
}

void Window::Enter(std::uint32_t generation) {
  if (generation == generation_) return;
  Clear();
  generation_ = generation;
}

void Window::Clear() {
  slow_.Clear();
  fast_.Clear();
  run_ = 0;
}

void Window::Add(std::uint32_t generation, double points, bool is_4xx, bool hard, TimePoint now) {
  Enter(generation);
  const Points p{points, is_4xx ? points : 0, 1};
  slow_.Add(now, p);
  fast_.Add(now, p);
  if (points < kFailure || is_4xx) {
    run_ = 0;
    return;
  }
  if (run_++ == 0) {
    run_began_ = now;
    run_hard_ = false;
  }
  run_hard_ |= hard;
  run_last_ = now;
}

void Window::AddMany(std::uint32_t generation, const Points& points, TimePoint now) {
  Enter(generation);
  slow_.Add(now, points);
  fast_.Add(now, points);
}

Trip Window::Evaluate(const policy::CircuitBreaker& policy, TimePoint now) {
  if (Enough(fast_.Total(now), policy, kFastBadness)) return Trip::kFast;
  if (Enough(slow_.Total(now), policy, policy.adaptive ? kSlowBadness : 0)) return Trip::kSlow;
  const bool lasted = run_last_ - run_began_ >= (run_hard_ ? kHardRunLasts : kRunLasts);
  return run_ >= kRun && lasted ? Trip::kConsecutive : Trip::kNo;
}

}  // namespace weft::breaker
