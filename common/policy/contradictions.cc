#include "common/policy/merge.h"

namespace weft::policy {
namespace {

class Finder {
 public:
  explicit Finder(const Merged& merged) : merged_(merged) {}

  // Both were written, and `wrong` holds.
  void Pair(bool wrong, const char* field, const char* other, const char* why) {
    if (wrong && IsWritten(field) && IsWritten(other)) Add(field, other, why);
  }
  void Add(const char* field, const char* other, const char* why) {
    found_.push_back({field, other, std::string(field) + ' ' + why});
  }
  bool IsWritten(std::string_view field) const {
    return std::any_of(merged_.sources.begin(), merged_.sources.end(),
                       [&](const FieldSource& source) { return source.field == field; });
  }
  std::vector<Contradiction> Take() { return std::move(found_); }

 private:
  const Merged& merged_;
  std::vector<Contradiction> found_;
};

bool IsLonger(Duration a, Duration b) { return b > Duration::zero() && a > b; }  // zero: no limit

void FindInTimeouts(const Timeouts& t, Finder& finder) {
  finder.Pair(IsLonger(t.attempt, t.request), "timeouts.attempt", "timeouts.request",
              "is longer than timeouts.request, so it never fires: shorten it or raise timeouts.request");
  finder.Pair(IsLonger(t.response_head, t.attempt), "timeouts.responseHead", "timeouts.attempt",
              "is longer than timeouts.attempt, so it never fires: shorten it or raise timeouts.attempt");
  finder.Pair(IsLonger(t.response_head, t.request), "timeouts.responseHead", "timeouts.request",
              "is longer than timeouts.request, so it never fires: shorten it or raise timeouts.request");
  finder.Pair(IsLonger(t.connect, t.attempt), "timeouts.connect", "timeouts.attempt",
              "is longer than timeouts.attempt, so it never fires: shorten it or raise timeouts.attempt");
  finder.Pair(IsLonger(t.connect, t.request), "timeouts.connect", "timeouts.request",
              "is longer than timeouts.request, so it never fires: shorten it or raise timeouts.request");
}

void FindInHealthCheck(const HealthCheck& check, bool nothing_to_check, Finder& finder) {
  finder.Pair(check.tcp && !check.path.empty(), "healthCheck.tcp", "healthCheck.path",
              "is true, so healthCheck.path is never asked: keep one of the two");
  finder.Pair(check.timeout > check.interval, "healthCheck.timeout", "healthCheck.interval",
              "is longer than healthCheck.interval: shorten it or raise healthCheck.interval");
  finder.Pair(
      check.max_response_time > check.timeout, "healthCheck.maxResponseTime", "healthCheck.timeout",
      "is longer than healthCheck.timeout, so no check is ever slow: shorten it or raise the timeout");
  if (nothing_to_check) {
    finder.Add("healthCheck.enabled", "healthCheck.path",
               "is true, but there is nothing to check: set healthCheck.path, or healthCheck.tcp: true");
  }
}

void FindInConcurrency(const Merged& merged, Finder& finder) {
  finder.Pair(merged.bounds_contradict, "concurrency.min", "concurrency.max",
              "is above concurrency.max: lower it or raise concurrency.max");
  if (merged.initial_contradicts) {
    const bool low = finder.IsWritten("concurrency.min") &&
                     merged.policy.concurrency.initial == merged.policy.concurrency.min;
    finder.Add("concurrency.initial", low ? "concurrency.min" : "concurrency.max",
               "is not between concurrency.min and concurrency.max: change it or them");
  }
}

}  // namespace

std::vector<Contradiction> FindContradictions(const Merged& merged) {
  const ServicePolicy& p = merged.policy;
  Finder finder(merged);
  FindInTimeouts(p.timeouts, finder);
  FindInConcurrency(merged, finder);
  FindInHealthCheck(p.health_check, merged.nothing_to_check, finder);
  finder.Pair(p.connection_pool.max_connections != 0 &&
                  p.connection_pool.max_keepalive > p.connection_pool.max_connections,
              "connectionPool.maxKeepalive", "connectionPool.maxConnections",
              "is above connectionPool.maxConnections: lower it or raise connectionPool.maxConnections");
  finder.Pair(
      IsLonger(p.connection_pool.keepalive_expiry, p.connection_pool.max_age),
      "connectionPool.keepaliveExpiry", "connectionPool.maxAge",
      "is longer than connectionPool.maxAge, so it never fires: shorten it or raise connectionPool.maxAge");
  finder.Pair(
      merged.ejection_contradicts, "outlierDetection.baseEjection", "outlierDetection.maxEjection",
      "is longer than outlierDetection.maxEjection: shorten it or raise outlierDetection.maxEjection");
  finder.Pair(p.retry.backoff > p.retry.max_backoff, "retry.backoff", "retry.maxBackoff",
              "is longer than retry.maxBackoff: shorten it or raise retry.maxBackoff");
  finder.Pair(
      IsLonger(p.retry.backoff, p.timeouts.request), "retry.backoff", "timeouts.request",
      "is longer than timeouts.request, so nothing is ever retried: shorten it or raise timeouts.request");
  return finder.Take();
}

}  // namespace weft::policy
