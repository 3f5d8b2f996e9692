#include "controlplane/stream/counters.h"

#include <algorithm>

namespace weft::stream {
namespace {

// Of the first bound that is not below the value; beyond all: one more.
template <class Bounds, class Value>
std::size_t BucketOf(const Bounds& bounds, Value value) {
  return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin());
}

template <class Buckets>
void AddBuckets(Buckets& sum, const Buckets& other) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
}

}  // namespace

void Metrics::CountPush(std::size_t bytes) {
  ++pushes;
  push_bytes += bytes;
  ++push_sizes[BucketOf(kPushBounds, bytes)];
}

void Metrics::CountConvergence(double seconds) {
  ++convergence[BucketOf(kConvergenceBounds, seconds)];
  convergence_sum += seconds;
}

void Metrics::Add(const Metrics& other) {
  pushes += other.pushes;
  push_bytes += other.push_bytes;
  rejects += other.rejects;
  convergence_sum += other.convergence_sum;
  AddBuckets(push_sizes, other.push_sizes);
  AddBuckets(convergence, other.convergence);
}

}  // namespace weft::stream
