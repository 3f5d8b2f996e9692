#include "controlplane/graph/window.h"

#include <algorithm>

namespace weft::graph {
namespace {

constexpr std::int64_t kLearnAfter = std::chrono::seconds(30) / kSlice;
constexpr std::int64_t kLearnLeast = std::chrono::minutes(1) / kSlice;
constexpr std::int64_t kHalfBaseline = std::chrono::minutes(5) / kSlice;
constexpr Duration kLate = std::chrono::seconds(15);  // reports come every 10 s

std::int64_t StepOf(TimePoint at) { return Nanos(at) / kSlice.count(); }
TimePoint EndOf(std::int64_t step) { return FromNanos((step + 1) * kSlice.count()); }

}  // namespace

void Sum::Add(const v1::Edge& edge, TimePoint from, TimePoint to) {
  requests += edge.requests();
  failures += std::min(edge.failures(), edge.requests());
  retries += edge.retries();
  for (const v1::Count& count : edge.reasons()) {
    if (const auto reason = ParseReason(count.name()))
      reasons[static_cast<std::size_t>(*reason)] += count.value();
  }
  const int buckets = std::min(edge.latency().index_size(), edge.latency().count_size());
  for (int i = 0; i < buckets; ++i) latency.Add(edge.latency().index(i), edge.latency().count(i));
  began = began == TimePoint() ? from : std::min(began, from);
  ended = std::max(ended, to);
}

void Sum::Merge(const Sum& other) {
  MergeCounts(other);
  latency.Merge(other.latency);
}

void Sum::MergeCounts(const Sum& other) {
  requests += other.requests;
  failures += other.failures;
  retries += other.retries;
  for (std::size_t i = 0; i < reasons.size(); ++i) reasons[i] += other.reasons[i];
  if (other.began != TimePoint()) began = began == TimePoint() ? other.began : std::min(began, other.began);
  ended = std::max(ended, other.ended);
}

double Sum::SuccessRate() const {
  if (requests == 0) return 1;
  return static_cast<double>(requests - std::min(failures, requests)) / static_cast<double>(requests);
}

double Sum::PerSecond(TimePoint now) const {
  if (requests == 0) return 0;
  const TimePoint until = now - ended > kLate ? now : ended;
  return static_cast<double>(requests) / std::max(0.1, std::chrono::duration<double>(until - began).count());
}

void Window::Add(const v1::Edge& edge, TimePoint now, Duration interval) {
  const std::int64_t step = StepOf(now);
  if (slices_.empty() || slices_.back().step < step) slices_.push_back({step, {}});
  const Duration covered = std::clamp(interval, Duration::zero(), kKept);
  slices_.back().sum.Add(edge, std::max(now - covered, FromNanos(1)), now);
}

Sum Window::Recent(TimePoint now, Duration span) const {
  Sum sum;
  for (const Slice& slice : slices_) {
    if (EndOf(slice.step) > now - span) sum.Merge(slice.sum);
  }
  return sum;
}

Sum Window::RecentCounts(TimePoint now, Duration span) const {
  Sum sum;
  for (const Slice& slice : slices_) {
    if (EndOf(slice.step) > now - span) sum.MergeCounts(slice.sum);
  }
  return sum;
}

Window::Share Window::Slower(TimePoint now, Duration span, std::uint32_t than) const {
  Share share;
  for (const Slice& slice : slices_) {
    if (EndOf(slice.step) <= now - span) continue;
    share.some += slice.sum.latency.Above(than);
    share.all += slice.sum.latency.total();
  }
  return share;
}

void Window::Turn(TimePoint now, bool healthy) {
  const std::int64_t old = StepOf(now) - kLearnAfter;
  for (const Slice& slice : slices_) {
    if (slice.step > learnt_ && slice.step <= old && healthy) Learn(slice);
  }
  learnt_ = std::max(learnt_, old);
  while (!slices_.empty() && EndOf(slices_.front().step) <= now - kKept) slices_.pop_front();
}

// Two halves: the older one is dropped when the newer one is full.
void Window::Learn(const Slice& slice) {
  if (first_learnt_ == 0) first_learnt_ = half_began_ = slice.step;
  long_enough_ = long_enough_ || slice.step - first_learnt_ >= kLearnLeast;
  if (slice.step - half_began_ >= kHalfBaseline) {
    baseline_ = std::move(half_);
    half_.Clear();
    half_began_ = slice.step;
  }
  baseline_.Merge(slice.sum.latency);
  half_.Merge(slice.sum.latency);
}

void Window::ForgetBaseline() {
  baseline_.Clear();
  half_.Clear();
  first_learnt_ = 0;
  long_enough_ = false;
}

}  // namespace weft::graph
