#pragma once
// What a worker's reporter keeps per service port and direction: totals, and the metric handles that its
// requests need, found once. Handles are dropped when the registry retired series (Forget) and found again on
// the next use. Thread rule: one worker.

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/report/families.h"
#include "agent/report/totals.h"

namespace weft::report {

// The labels of a request that vary within one rule.
struct Varying {
  message::Method method = message::Method::kGet;
  int status = 0;
  int grpc_status = -1;
  Reason reason = Reason::kOk;
  Classification classification = Classification::kSuccess;
  const engine::Caller* caller = nullptr;  // null: not known

  std::uint64_t Packed() const;
};

class Book;

// One rule of a service port.
class Edge {
 public:
  Edge(Book& book, std::string route) : book_(book), route_(std::move(route)) {}

  const std::string& route() const { return route_; }
  metrics::Counter& Requests(const Varying& labels);
  metrics::Histogram& Duration(Classification classification);
  void Forget();

  EdgeTotals totals;

 private:
  metrics::Counter Find(const Varying& labels) const;

  static constexpr std::size_t kMostSeries = 64;  // then the list starts anew
  struct Known {
    std::uint64_t packed;
    metrics::Counter counter;
  };
  Book& book_;
  std::string route_;
  std::vector<Known> known_;  // the one used last is in front
  std::array<metrics::Histogram, kClassifications> durations_;
  std::array<bool, kClassifications> found_{};
};

class Book {
 public:
  Book(metrics::Shard& shard, const Families& families, BackendKey key, engine::Direction direction);

  Edge& EdgeFor(std::string_view route);
  InstanceTotals& InstanceFor(std::uint64_t hash, std::string_view id);
  metrics::Counter& Attempts(std::size_t outcome);
  metrics::Counter& Retries(bool success);
  metrics::Counter& BudgetExhausted();
  metrics::Counter& Mirrors(MirrorResult result);
  metrics::Counter Hedges(std::string_view result) const;  // looked up: of the slow ones only
  metrics::Histogram& PoolWait();
  metrics::Counter Streams(StreamKind kind, Reason reason) const;  // looked up: once per connection
  void Forget();
  BackendTotals Copy() const;  // edges and instances filled in

  const BackendKey& key() const { return key_; }
  engine::Direction direction() const { return direction_; }
  BackendTotals totals;  // without edges and instances
  std::uint64_t consecutive_failures = 0;

 private:
  friend class Edge;
  struct Named {
    std::string id;
    InstanceTotals totals;
  };
  metrics::Counter FindCounter(metrics::FamilyId family, std::string_view last) const;

  static constexpr std::size_t kMostEdges = 256;       // further rules share the edge "_overflow"
  static constexpr std::size_t kMostInstances = 1024;  // then those that are gone are forgotten with the rest
  metrics::Shard& shard_;
  const Families& families_;
  BackendKey key_;
  engine::Direction direction_;
  std::string port_text_;
  std::vector<std::unique_ptr<Edge>> edges_;            // the one used last is in front
  std::unordered_map<std::uint64_t, Named> instances_;  // by snapshot::Instance::hash
  std::array<metrics::Counter, kAttemptOutcomes> attempts_;
  std::array<metrics::Counter, 2> retries_;
  metrics::Counter budget_;
  std::array<metrics::Counter, kMirrorResults> mirrors_;
  metrics::Histogram wait_;
  std::uint32_t found_ = 0;  // bits: which of the groups above have handles
};

}  // namespace weft::report
