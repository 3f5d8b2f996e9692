#include "controlplane/rollout/gate.h"

#include <cmath>
#include <cstdio>

namespace weft::rollout {
namespace {

constexpr std::uint64_t kLeastRequests = 20, kLeastTimed = 50;
constexpr double kZ = 3, kMargin = 0.01, kRatio = 1.5, kAlone = 0.05, kMarginMs = 5;

double Rate(const Traffic& traffic) {
  return traffic.requests == 0
             ? 0
             : static_cast<double>(traffic.failures) / static_cast<double>(traffic.requests);
}

std::string Format(const char* format, double a, double b) {
  char text[120];
  std::snprintf(text, sizeof text, format, a, b);
  return text;
}

bool ClearlyMore(const Traffic& candidate, const Traffic& others) {
  const double n = static_cast<double>(candidate.requests), m = static_cast<double>(others.requests);
  const double pooled = static_cast<double>(candidate.failures + others.failures) / (n + m);
  const double spread = std::sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
  return spread > 0 && (Rate(candidate) - Rate(others)) / spread >= kZ;
}

std::optional<Verdict> JudgeFailures(const Traffic& candidate, const Traffic& others) {
  if (candidate.requests < kLeastRequests) return std::nullopt;
  const double rate = Rate(candidate), usual = Rate(others);
  const std::string requests = " (" + std::to_string(candidate.requests) + " requests)";
  if (others.requests < kLeastRequests) {
    if (rate < kAlone) return std::nullopt;
    return Verdict{"HighErrorRate", Format("%.1f %% of the candidate's requests failed", rate * 100, 0) +
                                        requests + "; no other agent has enough traffic to compare with"};
  }
  if (rate < usual + kMargin || rate < usual * kRatio || !ClearlyMore(candidate, others)) return std::nullopt;
  return Verdict{"HighErrorRate", Format("%.1f %% of the candidate's requests failed, %.1f %% elsewhere",
                                         rate * 100, usual * 100) +
                                      requests};
}

std::uint64_t Above(const stats::Histogram& histogram, std::uint32_t value) {
  std::uint64_t count = 0;
  histogram.ForEach([&](std::uint32_t index, std::uint64_t hits) {
    if (stats::Histogram::MiddleOf(index) > value) count += hits;
  });
  return count;
}

std::optional<Verdict> JudgeLatency(const Traffic& candidate, const Traffic& others) {
  const std::uint64_t timed = candidate.latency.total();
  if (timed < kLeastTimed || others.latency.total() < kLeastTimed) return std::nullopt;
  const double p95 = candidate.P95Ms(), usual = others.P95Ms(), n = static_cast<double>(timed);
  if (p95 < usual * kRatio || p95 < usual + kMarginMs) return std::nullopt;
  const double above = static_cast<double>(Above(candidate.latency, others.latency.Percentile(95))) / n;
  if (above < 0.05 + kZ * std::sqrt(0.05 * 0.95 / n)) return std::nullopt;
  return Verdict{"HighLatency",
                 Format("the candidate's 95th percentile is %.1f ms, %.1f ms elsewhere", p95, usual) + " (" +
                     std::to_string(timed) + " requests)"};
}

}  // namespace

std::optional<Verdict> Judge(const Traffic& candidate, const Traffic& others) {
  if (auto verdict = JudgeFailures(candidate, others)) return verdict;
  return JudgeLatency(candidate, others);
}

}  // namespace weft::rollout
