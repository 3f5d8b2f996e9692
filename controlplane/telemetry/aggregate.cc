#include "controlplane/telemetry/aggregate.h"

#include <algorithm>

#include "common/wire/wire.h"

namespace weft::telemetry {

void Traffic::Add(const v1::Edge& edge) {
  requests += edge.requests();
  failures += edge.failures();
  retries += edge.retries();
  latency_ns += edge.latency().sum_ns();
  const int buckets = std::min(edge.latency().index_size(), edge.latency().count_size());
  for (int i = 0; i < buckets; ++i) {
    if (latency.AddBucket(edge.latency().index(i), edge.latency().count(i))) timed += edge.latency().count(i);
  }
}

void Traffic::Merge(const Traffic& other) {
  requests += other.requests;
  failures += other.failures;
  retries += other.retries;
  latency_ns += other.latency_ns;
  timed += other.timed;
  latency.Merge(other.latency);
}

void Window::Add(const v1::Edge& edge, TimePoint now, Duration interval) {
  const TimePoint began = now - std::clamp(interval, Duration::zero(), kHalfWindow);
  if (current_since == TimePoint{}) current_since = began;
  if (now - current_since >= kHalfWindow) {
    const bool adjacent = now - current_since < 2 * kHalfWindow;
    previous = adjacent ? current : Traffic();
    previous_since = adjacent ? current_since : began;
    current = {};
    current_since = began;
  }
  total.Add(edge);
  current.Add(edge);
}

Traffic Window::Recent(TimePoint now) const {
  if (now - current_since >= 2 * kHalfWindow) return {};
  Traffic recent = current;
  recent.Merge(previous);
  return recent;
}

double Window::Seconds(TimePoint now) const {
  const TimePoint since = previous.requests > 0 ? previous_since : current_since;
  return std::max(1.0, std::chrono::duration<double>(now - since).count());
}

std::string_view ServiceView::BreakerState() const {
  static constexpr std::string_view kWorstFirst[] = {"open", "half_open", "recovering"};
  for (const std::string_view state : kWorstFirst) {
    if (std::any_of(breakers.begin(), breakers.end(),
                    [&](const auto& entry) { return entry.second.state == state; }))
      return state;
  }
  return "closed";
}

void Aggregate::Add(const std::string& node_id, const v1::AgentReport& report, TimePoint now) {
  for (const v1::Edge& edge : report.edges()) {
    if (ServiceView* service = Find(edge.service()))
      (edge.inbound() ? service->inbound : service->outbound).Add(edge, now, Duration(report.interval_ns()));
  }
  for (const v1::InstanceStat& stat : report.instances()) {
    if (ServiceView* service = Find(stat.service())) AddInstance(*service, node_id, stat, now);
  }
  for (const v1::BreakerStat& stat : report.breakers()) {
    if (ServiceView* service = Find(stat.service())) AddBreaker(*service, node_id, stat);
  }
  for (const v1::PoolStat& stat : report.pools()) {
    if (ServiceView* service = Find(stat.service())) AddPool(*service, stat);
  }
}

void Aggregate::Forget(const std::string& node_id) {
  for (auto& [key, service] : services_) {
    std::erase_if(service.breakers, [&](const auto& entry) { return entry.first.first == node_id; });
    for (auto& [id, instance] : service.instances) instance.against.erase(node_id);
  }
}

ServiceView* Aggregate::Find(const v1::ServiceKey& wire) {
  const ServiceKey key = wire::UncheckedKey(wire);
  const auto found = services_.find(key);
  if (found != services_.end()) return &found->second;
  if (services_.size() >= kMaxServices || !IsDnsLabel(key.ns) || !IsDnsLabel(key.name)) {
    ++dropped_;
    return nullptr;
  }
  return &services_[key];
}

void InstanceView::Say(const std::string& node_id, TimePoint now) {
  const bool was_bad = !against.empty();
  if (state != "unhealthy" && state != "ejected") {
    against.erase(node_id);
  } else if (against.size() < kMaxAgainst) {
    against.insert(node_id);
  }
  if (was_bad == !against.empty()) return;
  flips.push_back(now);
  if (flips.size() > 4 * kFlapping) flips.pop_front();
}

std::size_t InstanceView::Flips(TimePoint now) const {
  return static_cast<std::size_t>(
      std::count_if(flips.begin(), flips.end(), [&](TimePoint at) { return now - at < kFlappingWithin; }));
}

void Aggregate::AddInstance(ServiceView& service, const std::string& node_id, const v1::InstanceStat& stat,
                            TimePoint now) {
  if (service.instances.size() >= kMaxInstances && !service.instances.contains(stat.instance())) {
    ++dropped_;
    return;
  }
  InstanceView& view = service.instances[stat.instance()];
  view.address = stat.address();
  view.state = stat.state();
  view.cause = stat.cause();
  view.requests += stat.requests();
  view.failures += stat.failures();
  if (stat.latency_ns() > 0) view.latency_ns = stat.latency_ns();
  view.last_check_unix_ms = std::max(view.last_check_unix_ms, stat.last_check_unix_ms());
  view.weight = stat.weight();
  if (stat.has_health()) view.health = stat.health();
  view.Say(node_id, now);
}

void Aggregate::AddBreaker(ServiceView& service, const std::string& node_id, const v1::BreakerStat& stat) {
  service.breaker_requests += stat.requests();
  service.breaker_failures += stat.failures();
  service.failures.set_timeout(service.failures.timeout() + stat.failure_counts().timeout());
  service.failures.set_error_5xx(service.failures.error_5xx() + stat.failure_counts().error_5xx());
  service.failures.set_connection_error(service.failures.connection_error() +
                                        stat.failure_counts().connection_error());
  service.failures.set_slow_response(service.failures.slow_response() +
                                     stat.failure_counts().slow_response());
  service.failures.set_error_4xx(service.failures.error_4xx() + stat.failure_counts().error_4xx());
  if (service.breakers.size() >= kMaxAgents) {
    ++dropped_;
    return;
  }
  service.breakers[{node_id, stat.port()}] = {stat.state(), stat.consecutive_failures(), stat.threshold()};
}

void Aggregate::AddPool(ServiceView& service, const v1::PoolStat& stat) {
  service.pool_requests += stat.requests();
  service.pool_failures += stat.failures();
  service.pool_last_used_unix_ms = std::max(service.pool_last_used_unix_ms, stat.last_used_unix_ms());
  const bool earlier =
      service.pool_created_unix_ms == 0 || stat.created_unix_ms() < service.pool_created_unix_ms;
  if (stat.created_unix_ms() > 0 && earlier) service.pool_created_unix_ms = stat.created_unix_ms();
}

}  // namespace weft::telemetry
