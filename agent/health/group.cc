#include "agent/health/group.h"

#include <algorithm>
#include <cmath>

namespace weft::health {
namespace {

constexpr double kClean = 0.5;
constexpr std::uint32_t kFewest = 20, kMany = 50;
constexpr std::size_t kComparators = 4;

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
  const std::vector<double> others = MeansOfOthers(samples, s.instance, kFewest);
  const double mean = s.recent.mean();
  if (s.recent.requests < kFewest || others.size() < kComparators) return false;
  if (mean < (s.recent.requests < kMany ? 0.375 : 0.2)) return false;
  const double median = Median(others);
  std::vector<double> distances;
  for (const double other : others) distances.push_back(std::abs(other - median));
  // Of weights in [0, 2] the variance at a mean m is at most m * (2 - m).
  const double variance = median * (2 - median);
  const double spread = std::max({1.4826 * Median(distances), std::sqrt(variance / s.recent.requests), 0.02});
  return mean > median + 4 * spread && mean > median + 0.05;
}

const char* Judge(const std::vector<Sample>& samples, const Sample& s, const policy::OutlierDetection& policy,
                  TimePoint now) {
  const Instance& instance = *s.instance;
  if (policy.consecutive_failures > 0 && instance.run() >= policy.consecutive_failures &&
      now - instance.run_began() >= policy.consecutive_span && AnotherIsClean(samples, s.instance)) {
    return "consecutive";
  }
  const double median = Median(MeansOfOthers(samples, s.instance, 1));
  if (s.recent.requests >= policy.minimum_requests &&
      s.recent.mean() >= std::max(policy.failure_rate, 3 * median + 0.2)) {
    return "failure_rate";
  }
  return IsOutlier(samples, s) ? "outlier" : nullptr;
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
