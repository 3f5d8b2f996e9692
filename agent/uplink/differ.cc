#include "agent/uplink/differ.h"

#include <algorithm>
#include <cmath>

#include "agent/report/labels.h"

namespace weft::uplink {
namespace {

std::uint64_t Since(std::uint64_t now, std::uint64_t before) { return now >= before ? now - before : now; }

std::int64_t UnixMs(TimePoint at, Moment moment) {
  return at == TimePoint() ? 0 : (Nanos(at) + moment.wall_minus_monotonic.count()) / 1'000'000;
}

template <class Entry>
void Name(Entry& entry, const BackendKey& key) {
  entry.mutable_service()->set_cluster(key.service.cluster);
  entry.mutable_service()->set_namespace_(key.service.ns);
  entry.mutable_service()->set_name(key.service.name);
  entry.set_port(key.port);
}

void AddCount(google::protobuf::RepeatedPtrField<v1::Count>& list, std::string_view name,
              std::uint64_t value) {
  if (value == 0) return;
  v1::Count& count = *list.Add();
  count.set_name(std::string(name));
  count.set_value(value);
}

v1::Edge EdgeOf(const report::EdgeKey& key, const std::string& route, const report::EdgeTotals& since) {
  v1::Edge edge;
  Name(edge, key.first);
  edge.set_inbound(key.second == engine::Direction::kInbound);
  edge.set_route(route);
  edge.set_requests(since.requests);
  edge.set_failures(since.failures);
  edge.set_attempts(since.attempts);
  edge.set_retries(since.retries);
  for (std::size_t i = 1; i < since.reasons.size(); ++i)
    AddCount(*edge.mutable_reasons(), ToString(static_cast<Reason>(i)), since.reasons[i]);
  for (std::size_t i = 0; i < since.statuses.size(); ++i)
    AddCount(*edge.mutable_statuses(), report::CodeClass(static_cast<int>(i) * 100), since.statuses[i]);
  v1::Histogram& latency = *edge.mutable_latency();
  latency.set_sum_ns(since.total_nanos);
  since.latency.ForEach([&](std::uint32_t index, std::uint64_t count) {
    latency.add_index(index);
    latency.add_count(count);
  });
  return edge;
}

bool Same(const report::PoolStatus& a, const report::PoolStatus& b) {
  return a.active == b.active && a.idle == b.idle && a.pending == b.pending;
}

bool Same(const report::InstanceStatus& a, const report::InstanceStatus& b) {
  return a.state == b.state && a.weight == b.weight && a.address == b.address &&
         a.last_check == b.last_check && std::lround(a.health.number()) == std::lround(b.health.number());
}

// What is known of one service port and direction: counts, states, or both.
struct Now {
  const report::BackendTotals* totals = nullptr;
  const report::BackendStatus* status = nullptr;
};

std::map<report::EdgeKey, Now> Join(const report::AgentStatus& status) {
  static const report::BackendTotals kNoTotals;
  static const report::BackendStatus kNoStatus;
  std::map<report::EdgeKey, Now> all;
  for (const auto& [key, totals] : status.totals) all[key] = {&totals, &kNoStatus};
  for (const auto& [key, backend] : status.backends) {
    Now& now = all.emplace(key, Now{&kNoTotals, nullptr}).first->second;
    now.status = &backend;
  }
  return all;
}

}  // namespace

// Adds entries to one report until its budget is used up, then counts those that it keeps back.
struct Differ::Writer {
  v1::AgentReport& report;
  const std::size_t budget;
  const Moment at;
  std::size_t used = 0;

  template <class Entry>
  bool Add(google::protobuf::RepeatedPtrField<Entry>& list, Entry entry) {
    if (used >= budget) {
      report.set_dropped(report.dropped() + 1);
      return false;
    }
    used += entry.ByteSizeLong();
    *list.Add() = std::move(entry);
    return true;
  }

  void All(const report::EdgeKey& key, const Now& now, Sent& sent) {
    Edges(key, *now.totals, sent);
    if (key.second == engine::Direction::kInbound) return;  // the rest is what callers see
    Breaker(key.first, *now.status, *now.totals, sent);
    Pool(key.first, *now.status, *now.totals, sent);
    Instances(key.first, *now.status, *now.totals, sent);
  }

  void Edges(const report::EdgeKey& key, const report::BackendTotals& totals, Sent& sent) {
    for (const auto& [route, now] : totals.edges) {
      report::EdgeTotals& before = sent.edges[route];
      if (now.requests == before.requests) continue;
      report::EdgeTotals since = now;
      if (now.requests > before.requests) since.Subtract(before);
      if (Add(*report.mutable_edges(), EdgeOf(key, route, since))) before = now;
    }
  }

  void Breaker(const BackendKey& key, const report::BackendStatus& status,
               const report::BackendTotals& totals, Sent& sent) {
    const report::EdgeTotals sum = totals.Sum();
    const report::CircuitStatus& circuit = status.circuit;
    const std::uint64_t transitions = circuit.to_closed + circuit.to_open + circuit.to_half_open;
    const bool changed = sum.requests != sent.requests || circuit.state != sent.circuit;
    if (!changed || (sum.requests == 0 && transitions == 0)) return;
    v1::BreakerStat stat;
    Name(stat, key);
    stat.set_state(circuit.state);
    stat.set_requests(Since(sum.requests, sent.requests));
    stat.set_failures(Since(sum.failures, sent.failures));
    stat.set_consecutive_failures(static_cast<std::uint32_t>(totals.consecutive_failures));
    stat.set_threshold(circuit.threshold);
    stat.set_transitions(Since(transitions, sent.transitions));
    Failures(totals, sent, *stat.mutable_failure_counts());
    if (!Add(*report.mutable_breakers(), std::move(stat))) return;
    sent.circuit = circuit.state;
    sent.requests = sum.requests;
    sent.failures = sum.failures;
    sent.transitions = transitions;
    sent.failure_kinds = totals.failure_kinds;
  }

  static void Failures(const report::BackendTotals& totals, const Sent& sent, v1::FailureCounts& counts) {
    const auto since = [&](report::FailureKind kind) {
      const auto i = static_cast<std::size_t>(kind);
      return Since(totals.failure_kinds[i], sent.failure_kinds[i]);
    };
    counts.set_timeout(since(report::FailureKind::kTimeout));
    counts.set_error_5xx(since(report::FailureKind::kError5xx));
    counts.set_connection_error(since(report::FailureKind::kConnection));
    counts.set_slow_response(since(report::FailureKind::kSlow));
    counts.set_error_4xx(since(report::FailureKind::kError4xx));
  }

  void Pool(const BackendKey& key, const report::BackendStatus& status, const report::BackendTotals& totals,
            Sent& sent) {
    const auto kConnection = static_cast<std::size_t>(report::FailureKind::kConnection);
    const std::uint64_t failures = totals.failure_kinds[kConnection];
    const bool counted = totals.lent != sent.lent || failures != sent.connection_failures;
    if (!counted && (!sent.pool_said || Same(status.pool, sent.pool))) return;
    v1::PoolStat stat;
    Name(stat, key);
    stat.set_active(status.pool.active);
    stat.set_idle(status.pool.idle);
    stat.set_pending(status.pool.pending);
    stat.set_created(Since(totals.lent - totals.reused, sent.lent - sent.reused));
    stat.set_reused(Since(totals.reused, sent.reused));
    stat.set_requests(Since(totals.lent, sent.lent));
    stat.set_failures(Since(failures, sent.connection_failures));
    stat.set_last_used_unix_ms(UnixMs(totals.last_used, at));
    stat.set_created_unix_ms(UnixMs(totals.created, at));
    if (!Add(*report.mutable_pools(), std::move(stat))) return;
    sent.lent = totals.lent;
    sent.reused = totals.reused;
    sent.connection_failures = failures;
    sent.pool = status.pool;
    sent.pool_said = true;
  }

  void Instances(const BackendKey& key, const report::BackendStatus& status,
                 const report::BackendTotals& totals, Sent& sent) {
    for (const auto& [id, now] : status.instances) {
      const auto counted = totals.instances.find(id);
      const report::InstanceTotals total =
          counted == totals.instances.end() ? report::InstanceTotals() : counted->second;
      const auto before = sent.instances.find(id);
      const InstanceSent was = before == sent.instances.end() ? InstanceSent() : before->second;
      if (total.requests == was.totals.requests && before != sent.instances.end() && Same(now, was.status))
        continue;
      v1::InstanceStat stat;
      Name(stat, key);
      stat.set_instance(id);
      stat.set_address(now.address);
      stat.set_state(std::string(report::ToString(now.state)));
      stat.set_requests(Since(total.requests, was.totals.requests));
      stat.set_failures(Since(total.failures, was.totals.failures));
      stat.set_latency_ns(static_cast<std::uint64_t>(total.average_nanos));
      stat.set_last_check_unix_ms(UnixMs(now.last_check, at));
      stat.set_weight(now.weight);
      stat.mutable_health()->set_standing(now.health.standing);
      stat.mutable_health()->set_errors(now.health.errors);
      stat.mutable_health()->set_speed(now.health.speed);
      if (Add(*report.mutable_instances(), std::move(stat))) sent.instances[id] = {total, now};
    }
    std::erase_if(sent.instances, [&](const auto& entry) { return !status.instances.contains(entry.first); });
  }
};

v1::AgentReport Differ::Next(const report::AgentStatus& status, Moment at) {
  v1::AgentReport report;
  report.set_at_unix_ms(UnixMs(at.now, at));
  report.set_interval_ns((at.now - reported_).count());
  reported_ = at.now;
  Writer writer{report, byte_budget_, at};
  const std::map<report::EdgeKey, Now> all = Join(status);
  auto next = all.upper_bound(last_);
  for (std::size_t i = 0; i < all.size(); ++i, ++next) {
    if (next == all.end()) next = all.begin();
    const bool room = writer.used < writer.budget;
    writer.All(next->first, next->second, sent_[next->first]);
    if (room) last_ = next->first;
  }
  std::erase_if(sent_, [&](const auto& entry) { return !all.contains(entry.first); });
  return report;
}

}  // namespace weft::uplink
