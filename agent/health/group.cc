#include "agent/health/group.h"

#include <algorithm>
#include <cmath>

#include "common/stats/log2.h"

namespace weft::health {
namespace {

constexpr double kClean = 0.5;
constexpr std::uint32_t kFewest = 20, kMany = 50;
constexpr std::size_t kComparators = 4, kSpeedComparators = 3;
constexpr double kSigma = 1.4826, kSigmas = 4, kLeastSpread = 0.05;
constexpr Duration kNoticeable = std::chrono::milliseconds(50), kTooLong = std::chrono::seconds(30);

struct Sample {
  Instance* instance;
  Badness recent;
};

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<double> MeansOfOthers(const std::vector<Sample>& samples, const Instance* but,
                                  std::uint32_t fewest) {
  std::vector<double> means;
  for (const Sample& s : samples) {
    if (s.instance != but && s.recent.requests >= fewest) means.push_back(s.recent.mean());
  }
  return means;
}

bool AnotherIsClean(const std::vector<Sample>& samples, const Instance* but) {
  return std::any_of(samples.begin(), samples.end(),
                     [but](const Sample& s) { return s.instance != but && s.recent.mean() < kClean; });
}

bool IsOutlier(const std::vector<Sample>& samples, const Sample& s) {
  const double mean = s.recent.mean();
  if (s.recent.requests < kFewest || mean < (s.recent.requests < kMany ? 0.375 : 0.2)) return false;
  const std::vector<double> others = MeansOfOthers(samples, s.instance, kFewest);
  if (others.size() < kComparators) return false;
  const double median = Median(others);
  std::vector<double> distances;
  for (const double other : others) distances.push_back(std::abs(other - median));
  // Of weights in [0, 2] the variance at a mean m is at most m * (2 - m).
  const double variance = median * (2 - median);
  const double spread = std::max({kSigma * Median(distances), std::sqrt(variance / s.recent.requests), 0.02});
  return mean > median + kSigmas * spread && mean > median + 0.05;
}

// Notes which instances are slower than the others.
void JudgeSpeed(const std::vector<Sample>& samples, double factor, TimePoint now) {
  for (const Sample& s : samples) {
    const Speed own = s.instance->Quick(now);
    std::vector<double> others;
    for (const Sample& o : samples) {
      const Speed& speed = o.instance->Quick(now);
      if (o.instance != s.instance && speed.answers >= kFewest) others.push_back(speed.mean());
    }
    if (factor <= 0 || own.answers == 0 || others.size() < kSpeedComparators) {
      s.instance->Lag(false, now);
      continue;
    }
    if (own.answers < kFewest) continue;  // a degraded one gets few: it stays what it is
    const double median = Median(others);
    for (double& other : others) other = std::abs(other - median);
    const double spread = std::max(kSigma * Median(others), kLeastSpread);
    const double usual = stats::Exp2(median);
    const double share = s.instance->lags() ? 0.5 : 1;  // harder to come back than to stay
    const double more = stats::Exp2(own.mean()) - usual;
    const bool lags = more > share * (factor - 1) * usual &&
                      more > share * static_cast<double>(kNoticeable.count()) &&
                      own.mean() > median + share * kSigmas * spread;
    s.instance->Lag(lags, now);
  }
}

const char* Judge(const std::vector<Sample>& samples, const Sample& s, const policy::OutlierDetection& policy,
                  TimePoint now) {
  const Instance& instance = *s.instance;
  if (policy.consecutive_failures > 0 && s.recent.requests > 0 &&
      instance.run() >= policy.consecutive_failures &&
      now - instance.run_began() >= policy.consecutive_span && AnotherIsClean(samples, s.instance)) {
    return "consecutive";
  }
  if (s.recent.requests >= policy.minimum_requests && s.recent.mean() >= policy.failure_rate &&
      s.recent.mean() >= 3 * Median(MeansOfOthers(samples, s.instance, 1)) + 0.2) {
    return "failure_rate";
  }
  if (IsOutlier(samples, s)) return "outlier";
  return instance.lagging(now) >= kTooLong ? "latency" : nullptr;
}

}  // namespace

std::vector<Ejection> EjectOutliers(const std::vector<Instance*>& instances,
                                    const policy::OutlierDetection& policy, TimePoint now) {
  if (!policy.enabled) return {};
  std::vector<Sample> samples;
  std::uint64_t capacity = 0, out = 0;
  for (Instance* instance : instances) {
    const State state = instance->state();
    capacity += instance->weight;
    if (state == State::kEjected || state == State::kProbing) out += instance->weight;
    if (instance->available() && instance->weight > 0) samples.push_back({instance, instance->Recent(now)});
  }
  JudgeSpeed(samples, policy.latency_factor, now);
  std::vector<Ejection> wanted;
  for (const Sample& s : samples) {
    if (const char* cause = Judge(samples, s, policy, now)) wanted.push_back({s.instance, cause});
  }
  std::stable_sort(wanted.begin(), wanted.end(), [now](const Ejection& a, const Ejection& b) {
    return a.instance->Recent(now).mean() > b.instance->Recent(now).mean();
  });
  std::vector<Ejection> done;
  std::size_t left = samples.size();
  for (const Ejection& e : wanted) {
    const bool fits = (out + e.instance->weight) * 100 <= capacity * policy.max_ejected_percent;
    if (left < 2 || (!fits && out > 0)) continue;
    e.instance->Eject(e.cause, policy, now);
    out += e.instance->weight;
    --left;
    done.push_back(e);
  }
  return done;
}

}  // namespace weft::health
