#include "agent/breaker/window.h"

#include <algorithm>

namespace weft::breaker {
namespace {

constexpr double kFastBadness = 0.60;
constexpr double kFailure = 1.5;  // from this weight on, an outcome belongs to a run
constexpr std::uint32_t kRun = 5;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr Duration kRunLasts = std::chrono::milliseconds(250);
constexpr Duration kHardRunLasts = std::chrono::milliseconds(150);

bool Enough(const Sums& p, const policy::CircuitBreaker& policy, double badness) {
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
  second_ = {};
  run_ = 0;
}

void Window::Add(std::uint32_t generation, double points, bool is_4xx, bool hard, TimePoint now) {
  Enter(generation);
  Take({points, is_4xx ? points : 0, 1, points * points}, now);
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
  Take(points, now);
}

// A second that is over teaches, unless something is wrong.
void Window::Take(const Points& points, TimePoint now) {
  const std::int64_t second = Nanos(now) / kSecond;
  if (second != second_at_) {
    const Sums& recent = slow_.Total(now);
    const bool usual = recent.requests == 0 || recent.mean() < baseline_.Theta(recent.requests);
    if (usual) baseline_.Learn(second_.all, second_.squares, second_.requests);
    second_ = {};
    second_at_ = second;
  }
  second_ += points;
  slow_.Add(now, points);
  fast_.Add(now, points);
}

double Window::Threshold(const policy::CircuitBreaker& policy, TimePoint now) {
  if (!policy.adaptive) return policy.failure_threshold;
  const std::uint32_t requests = slow_.Total(now).requests;
  return std::max(policy.failure_threshold, baseline_.Theta(requests) * requests);
}

Trip Window::Evaluate(const policy::CircuitBreaker& policy, TimePoint now) {
  const Sums& fast = fast_.Total(now);
  const double fast_theta = policy.adaptive ? 2 * baseline_.Theta(fast.requests) : 0;
  if (Enough(fast, policy, std::max(kFastBadness, fast_theta))) return Trip::kFast;
  const Sums& slow = slow_.Total(now);
  if (Enough(slow, policy, policy.adaptive ? baseline_.Theta(slow.requests) : 0)) return Trip::kSlow;
  const bool lasted = run_last_ - run_began_ >= (run_hard_ ? kHardRunLasts : kRunLasts);
  return run_ >= (policy.adaptive ? baseline_.Run() : kRun) && lasted ? Trip::kConsecutive : Trip::kNo;
}

}  // namespace weft::breaker
