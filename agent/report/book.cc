#include "agent/report/book.h"

#include <algorithm>

namespace weft::report {
namespace {

constexpr std::uint32_t kRetriesFound = 1U << 16, kBudgetFound = 1U << 17, kWaitFound = 1U << 18,
                        kMirrorsFound = 1U << 19;
constexpr std::string_view kOverflowRoute = "_overflow";

template <class List, class Same>
auto MoveToFront(List& list, Same&& same) {
  if (!list.empty() && same(list.front())) return list.begin();
  const auto found = std::find_if(list.begin(), list.end(), same);
  if (found == list.end()) return found;
  std::iter_swap(found, list.begin());
  return list.begin();
}

// Decimal text of a status; empty for a negative one.
struct Digits {
  explicit Digits(int number) : text(number < 0 ? std::string() : std::to_string(number)) {}
  std::string text;
};

}  // namespace

std::uint64_t Varying::Packed() const {
  return static_cast<std::uint64_t>(method) | static_cast<std::uint64_t>(status & 0xffff) << 8 |
         static_cast<std::uint64_t>((grpc_status + 1) & 0xff) << 24 |
         static_cast<std::uint64_t>(reason) << 32 | static_cast<std::uint64_t>(classification) << 40 |
         static_cast<std::uint64_t>(caller == nullptr ? 0 : caller->number) << 44;
}

metrics::Counter& Edge::Requests(const Varying& labels) {
  const std::uint64_t packed = labels.Packed();
  const auto found = MoveToFront(known_, [&](const Known& known) { return known.packed == packed; });
  if (found != known_.end()) return found->counter;
  if (known_.size() == kMostSeries) known_.clear();
  return known_.emplace_back(Known{packed, Find(labels)}).counter;
}

metrics::Counter Edge::Find(const Varying& labels) const {
  const bool inbound = book_.direction_ == engine::Direction::kInbound;
  const std::string_view peer =
      labels.caller == nullptr ? "unknown" : std::string_view(labels.caller->service);
  const Digits code(labels.status == 0 ? -1 : labels.status), grpc(labels.grpc_status);
  const std::array<std::string_view, 12> values = {ToString(book_.direction_),
                                                   book_.key_.service.name,
                                                   book_.key_.service.ns,
                                                   book_.port_text_,
                                                   inbound ? peer : "",
                                                   route_,
                                                   MethodClass(labels.method),
                                                   CodeClass(labels.status),
                                                   code.text,
                                                   grpc.text,
                                                   weft::ToString(labels.reason),
                                                   ToString(labels.classification)};
  return book_.shard_.FindCounter(book_.families_.requests, values);
}

metrics::Histogram& Edge::Duration(Classification classification) {
  const auto i = static_cast<std::size_t>(classification);
  if (!found_[i]) {
    const std::array<std::string_view, 5> values = {ToString(book_.direction_), book_.key_.service.name,
                                                    book_.key_.service.ns, route_, ToString(classification)};
    durations_[i] = book_.shard_.FindHistogram(book_.families_.duration, values);
    found_[i] = true;
  }
  return durations_[i];
}

void Edge::Forget() {
  known_.clear();
  found_.fill(false);
}

Book::Book(metrics::Shard& shard, const Families& families, BackendKey key, engine::Direction direction)
    : shard_(shard),
      families_(families),
      key_(std::move(key)),
      direction_(direction),
      port_text_(key_.port == 0 ? std::string() : std::to_string(key_.port)) {}

Edge& Book::EdgeFor(std::string_view route) {
  const auto same = [&](const std::unique_ptr<Edge>& edge) { return edge->route() == route; };
  const auto found = MoveToFront(edges_, same);
  if (found != edges_.end()) return **found;
  if (edges_.size() >= kMostEdges && route != kOverflowRoute) return EdgeFor(kOverflowRoute);
  return *edges_.emplace_back(std::make_unique<Edge>(*this, std::string(route)));
}

InstanceTotals& Book::InstanceFor(std::uint64_t hash, std::string_view id) {
  const auto found = instances_.find(hash);
  if (found != instances_.end()) return found->second.totals;
  if (instances_.size() >= kMostInstances) instances_.clear();
  return instances_.emplace(hash, Named{std::string(id), {}}).first->second.totals;
}

metrics::Counter Book::FindCounter(metrics::FamilyId family, std::string_view last) const {
  const std::array<std::string_view, 3> values = {key_.service.name, key_.service.ns, last};
  return shard_.FindCounter(family, metrics::Values(values.data(), last.empty() ? 2 : 3));
}

metrics::Counter& Book::Attempts(std::size_t outcome) {
  if ((found_ & (1U << outcome)) == 0) {
    attempts_[outcome] = FindCounter(families_.attempts, AttemptOutcomeName(outcome));
    found_ |= 1U << outcome;
  }
  return attempts_[outcome];
}

metrics::Counter& Book::Retries(bool success) {
  if ((found_ & kRetriesFound) == 0) {
    retries_ = {FindCounter(families_.retries, "failure"), FindCounter(families_.retries, "success")};
    found_ |= kRetriesFound;
  }
  return retries_[success ? 1 : 0];
}

metrics::Counter& Book::BudgetExhausted() {
  if ((found_ & kBudgetFound) == 0) budget_ = FindCounter(families_.budget_exhausted, "");
  found_ |= kBudgetFound;
  return budget_;
}

metrics::Counter& Book::Mirrors(MirrorResult result) {
  if ((found_ & kMirrorsFound) == 0) {
    for (std::size_t i = 0; i < kMirrorResults; ++i)
      mirrors_[i] = FindCounter(families_.mirrored, ToString(static_cast<MirrorResult>(i)));
  }
  found_ |= kMirrorsFound;
  return mirrors_[static_cast<std::size_t>(result)];
}

metrics::Counter Book::Hedges(std::string_view result) const { return FindCounter(families_.hedges, result); }

metrics::Counter Book::Streams(StreamKind kind, Reason reason) const {
  const std::array<std::string_view, 6> values = {ToString(direction_), key_.service.name, key_.service.ns,
                                                  port_text_,           ToString(kind),    ToString(reason)};
  return shard_.FindCounter(families_.streams, values);
}

metrics::Histogram& Book::PoolWait() {
  if ((found_ & kWaitFound) == 0) {
    const std::array<std::string_view, 2> values = {key_.service.name, key_.service.ns};
    wait_ = shard_.FindHistogram(families_.pool_wait, values);
  }
  found_ |= kWaitFound;
  return wait_;
}

void Book::Forget() {
  found_ = 0;
  for (const auto& edge : edges_) edge->Forget();
}

BackendTotals Book::Copy() const {
  BackendTotals copy = totals;
  copy.consecutive_failures = consecutive_failures;
  for (const auto& [hash, named] : instances_) copy.instances.emplace(named.id, named.totals);
  for (const auto& edge : edges_) copy.edges.emplace(edge->route(), edge->totals);
  return copy;
}

}  // namespace weft::report
