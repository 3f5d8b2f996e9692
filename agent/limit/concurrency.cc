#include "agent/limit/concurrency.h"

#include <algorithm>
#include <cmath>

namespace weft::limit {
namespace {

constexpr Duration kShortest = std::chrono::milliseconds(250), kLonger = std::chrono::seconds(1);
constexpr std::uint32_t kMany = 50, kSome = 10;
constexpr double kUp = 600e9, kDown = 10e9;  // ns
constexpr Duration kLeastFor = std::chrono::seconds(60);
constexpr double kTolerance = 1.5, kBackOff = 0.9;

double ShareOf(Priority priority) {
  switch (priority) {
    case Priority::kSheddable: return 0.80;
    case Priority::kDefault: return 0.95;
    case Priority::kCritical: break;
  }
  return 1;
}

double Digits(double limit) {  // max(1, floor(log10))
  double digits = 0;
  while (limit >= 10) limit /= 10, ++digits;
  return std::max(1.0, digits);
}

}  // namespace

void Concurrency::Adopt(const policy::Concurrency& policy) {
  if (limit_ == 0) limit_ = policy.initial;
  limit_ = std::clamp<double>(limit_, policy.min, policy.max);
  shown_.store(static_cast<std::uint32_t>(limit_), std::memory_order_relaxed);
}

bool Concurrency::TryEnter(const policy::Concurrency& policy, Priority priority) {
  const SpinLock lock(locked_);
  Adopt(policy);
  const std::uint32_t in_flight = in_flight_.load(std::memory_order_relaxed);
  if (in_flight + 1 > std::max(1.0, std::floor(limit_ * ShareOf(priority)))) return false;
  in_flight_.store(in_flight + 1, std::memory_order_relaxed);
  window_.most = std::max(window_.most, in_flight + 1);
  return true;
}

void Concurrency::Leave(const policy::Concurrency& policy, Duration took, bool dropped, bool counts,
                        TimePoint now) {
  const SpinLock lock(locked_);
  in_flight_.store(in_flight_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  if (!counts) return;
  if (window_.answers == 0) window_.began = now;
  window_.sum += static_cast<double>(took.count());
  window_.dropped |= dropped;
  ++window_.answers;
  const Duration lasted = now - window_.began;
  if ((lasted >= kShortest && window_.answers >= kMany) || (lasted >= kLonger && window_.answers >= kSome))
    Close(policy, now);
}

void Concurrency::Close(const policy::Concurrency& policy, TimePoint now) {
  const double rtt = std::max(1.0, window_.sum / window_.answers);
  const double lasted = static_cast<double>((now - window_.began).count());
  const double share = std::min(1.0, lasted / (rtt > long_ ? kUp : kDown));
  long_ = long_ == 0 ? rtt : long_ + share * (rtt - long_);
  if (long_ > 2 * rtt) long_ *= 0.95;
  if (least_ == 0 || rtt < least_ || now >= least_until_) {
    least_ = rtt;
    least_until_ = now + kLeastFor + Duration(Nanos(now) % kLeastFor.count());  // not all at once
  }
  if (window_.most * 2 >= limit_ || window_.dropped) limit_ = Next(policy, rtt);
  window_ = {};
  window_.most = in_flight_.load(std::memory_order_relaxed);
  Adopt(policy);
}

double Concurrency::Next(const policy::Concurrency& policy, double rtt) const {
  if (policy.limiter == policy::Limiter::kGradient) {
    const double gradient = std::clamp(kTolerance * long_ / rtt, 0.5, 1.0);
    return 0.8 * limit_ + 0.2 * (gradient * limit_ + std::sqrt(limit_));
  }
  if (window_.dropped) return limit_ * kBackOff;
  if (policy.limiter == policy::Limiter::kAimd) return limit_ + 1;
  const double queue = limit_ * (1 - least_ / rtt), step = Digits(limit_);
  if (queue <= step) return limit_ + 6 * step;
  if (queue < 3 * step) return limit_ + step;
  return queue > 6 * step ? limit_ - step : limit_;
}

Priority PriorityOf(std::string_view value) {
  if (value == "sheddable") return Priority::kSheddable;
  return value == "critical" ? Priority::kCritical : Priority::kDefault;
}

}  // namespace weft::limit
