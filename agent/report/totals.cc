#include "agent/report/totals.h"

#include <algorithm>

namespace weft::report {
namespace {

template <class Array>
void AddEach(Array& into, const Array& from) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] += from[i];
}

template <class Array>
void SubtractEach(Array& from, const Array& what) {
  for (std::size_t i = 0; i < from.size(); ++i) from[i] -= what[i];
}

TimePoint EarlierKnown(TimePoint a, TimePoint b) {
  if (a == TimePoint() || b == TimePoint()) return std::max(a, b);
  return std::min(a, b);
}

}  // namespace

void EdgeTotals::Merge(const EdgeTotals& other) {
  requests += other.requests;
  successes += other.successes;
  failures += other.failures;
  attempts += other.attempts;
  retries += other.retries;
  AddEach(reasons, other.reasons);
  AddEach(statuses, other.statuses);
  total_nanos += other.total_nanos;
  latency.Merge(other.latency);
}

void EdgeTotals::Subtract(const EdgeTotals& before) {
  requests -= before.requests;
  successes -= before.successes;
  failures -= before.failures;
  attempts -= before.attempts;
  retries -= before.retries;
  SubtractEach(reasons, before.reasons);
  SubtractEach(statuses, before.statuses);
  total_nanos -= before.total_nanos;
  latency.Subtract(before.latency);
}

void InstanceTotals::Merge(const InstanceTotals& other) {
  const auto mine = static_cast<double>(requests), others = static_cast<double>(other.requests);
  if (other.requests != 0)
    average_nanos = (average_nanos * mine + other.average_nanos * others) / (mine + others);
  requests += other.requests;
  failures += other.failures;
}

void BackendTotals::Merge(const BackendTotals& other) {
  AddEach(failure_kinds, other.failure_kinds);
  consecutive_failures = std::max(consecutive_failures, other.consecutive_failures);
  lent += other.lent;
  reused += other.reused;
  created = EarlierKnown(created, other.created);
  last_used = std::max(last_used, other.last_used);
  for (const auto& [id, instance] : other.instances) instances[id].Merge(instance);
  for (const auto& [route, edge] : other.edges) edges[route].Merge(edge);
}

EdgeTotals BackendTotals::Sum() const {
  EdgeTotals sum;
  for (const auto& [route, edge] : edges) sum.Merge(edge);
  return sum;
}

void Merge(Totals& into, const Totals& from) {
  for (const auto& [key, totals] : from) into[key].Merge(totals);
}

}  // namespace weft::report
