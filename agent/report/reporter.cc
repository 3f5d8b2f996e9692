#include "agent/report/reporter.h"

#include <algorithm>
#include <cstring>

#include "agent/engine/engine.h"

namespace weft::report {
namespace {

constexpr std::string_view kNoRule = "default";

std::size_t Index(engine::Direction direction) { return static_cast<std::size_t>(direction); }

std::string_view RouteName(const engine::Call& call) {
  return call.rule == nullptr ? kNoRule : std::string_view(call.rule->name);
}

void CountRequest(Edge& edge, const RequestReport& report, Classification classification) {
  const Duration took = report.ended - report.call->started;
  const auto nanos = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
  edge.Requests({report.method, report.status, report.grpc_status, report.reason, classification,
                 report.call->origin.caller})
      .Add();
  edge.Duration(classification).Record(nanos);
  EdgeTotals& totals = edge.totals;
  ++totals.requests;
  totals.successes += classification == Classification::kSuccess;
  totals.failures += classification == Classification::kFailure;
  ++totals.reasons[static_cast<std::size_t>(report.reason)];
  ++totals.statuses[report.status < 600 ? report.status / 100 : 0];
  totals.total_nanos += nanos;
  totals.latency.Add(nanos / 1000);
}

void CountFailure(Book& book, const RequestReport& report, Classification classification) {
  const policy::ServicePolicy* policy =
      report.call->backend == nullptr ? nullptr : report.call->backend->policy;
  const Duration slow = policy == nullptr ? Duration::zero() : policy->circuit_breaker.slow_response;
  const Duration took =
      (report.first_byte == TimePoint() ? report.ended : report.first_byte) - report.call->started;
  ++book.totals
        .failure_kinds[static_cast<std::size_t>(KindOfFailure(report.reason, report.status, took, slow))];
  if (classification == Classification::kSuccess) book.consecutive_failures = 0;
  book.consecutive_failures += classification == Classification::kFailure;
}

void CountInstance(Book& book, const engine::AttemptRecord& attempt, bool failed) {
  if (attempt.target == nullptr || attempt.target->instance == nullptr) return;
  InstanceTotals& totals = book.InstanceFor(attempt.target->hash, attempt.target->instance->id);
  const auto took = static_cast<double>((attempt.ended - attempt.started).count());
  totals.average_nanos =
      totals.requests == 0 ? took : totals.average_nanos + (took - totals.average_nanos) / 8;
  ++totals.requests;
  totals.failures += failed;
}

// What became of the second attempt, or why there was none.
std::string_view HedgeResult(const engine::Call& call) {
  if (call.hedge_at == 0) return call.seen.hedge;
  if (call.current == call.hedge_at) return "won";
  return call.log[call.hedge_at].result.outcome == engine::Outcome::kOutrun ? "lost" : "failed";
}

}  // namespace

Reporter::Reporter(metrics::Registry& registry, const Families& families, std::unique_ptr<AccessLog> log)
    : shard_(registry.AddShard()), families_(families), log_(std::move(log)) {
  for (const auto direction : {engine::Direction::kOutbound, engine::Direction::kInbound}) {
    unknown_[Index(direction)] = std::make_unique<Book>(shard_, families_, BackendKey{}, direction);
  }
  FindPerDirection();
}

void Reporter::FindPerDirection() {
  for (const auto direction : {engine::Direction::kOutbound, engine::Direction::kInbound}) {
    const std::string_view name = ToString(direction);
    PerDirection& handles = per_direction_[Index(direction)];
    const std::array<std::string_view, 2> received = {name, "received"}, sent = {name, "sent"};
    handles.opened = shard_.FindCounter(families_.connections, {&name, 1});
    handles.open = shard_.FindGauge(families_.connections_open, {&name, 1});
    handles.streams = shard_.FindGauge(families_.streams_open, {&name, 1});
    handles.received = shard_.FindCounter(families_.bytes, received);
    handles.sent = shard_.FindCounter(families_.bytes, sent);
  }
  dropped_ = shard_.FindCounter(families_.log_dropped, {});
}

void Reporter::Request(const RequestReport& report) {
  const engine::Call& call = *report.call;
  const Classification classification = Classify(report.reason, report.status, report.grpc_status);
  Book& book = BookOf(call);
  Edge& edge = book.EdgeFor(RouteName(call));
  CountRequest(edge, report, classification);
  CountFailure(book, report, classification);
  CountAttempts(book, edge, call);
  PerDirection& direction = per_direction_[Index(call.origin.direction)];
  direction.received.Add(report.request_bytes);
  direction.sent.Add(report.response_bytes);
  if (log_ != nullptr) log_->Write(report, edge.route(), classification);
}

void Reporter::CountAttempts(Book& book, Edge& edge, const engine::Call& call) {
  const std::size_t attempts = std::min<std::size_t>(call.attempts, call.log.size());
  edge.totals.attempts += call.attempts;
  if (call.seen.hedge != nullptr) book.Hedges(HedgeResult(call)).Add();
  for (std::size_t i = 0; i < attempts; ++i) {
    const engine::AttemptRecord& attempt = call.log[i];
    const std::size_t outcome = AttemptOutcome(attempt.result);
    book.Attempts(outcome).Add();
    CountInstance(book, attempt, outcome != 0);
    if (i > 0 && i != call.hedge_at) {
      ++edge.totals.retries;
      book.Retries(outcome == 0).Add();
    }
    const bool budget = attempt.retry_why[0] == 'b' && std::strcmp(attempt.retry_why, "budget") == 0;
    if (budget) book.BudgetExhausted().Add();
  }
}

Book& Reporter::BookOf(const engine::Call& call) {
  if (call.backend != nullptr) return BookOf(*call.backend);
  if (call.service == nullptr) return *unknown_[Index(call.origin.direction)];
  return BookFor({call.service->bundle->key, call.service_port}, call.origin.direction);
}

Book& Reporter::BookOf(engine::Backend& backend) {
  if (backend.report == nullptr) {
    backend.report = &BookFor(backend.key, engine::DirectionOf(backend));
  }
  return *static_cast<Book*>(backend.report);
}

Book& Reporter::BookFor(const BackendKey& key, engine::Direction direction) {
  auto& books = books_[Index(direction)];
  const auto found = books.find(key);
  if (found != books.end()) return *found->second;
  if (books.size() >= kMostBooks) return *unknown_[Index(direction)];
  return *books.emplace(key, std::make_unique<Book>(shard_, families_, key, direction)).first->second;
}

void Reporter::Opened(engine::Direction direction) {
  per_direction_[Index(direction)].opened.Add();
  per_direction_[Index(direction)].open.Add(1);
}

void Reporter::Closed(engine::Direction direction) { per_direction_[Index(direction)].open.Add(-1); }

void Reporter::Secured(engine::Direction direction, Security security) {
  const std::array<std::string_view, 2> values = {ToString(direction), ToString(security)};
  shard_.FindCounter(families_.secured, values).Add();
}

void Reporter::Handshook(engine::Direction direction, bool resumed, Reason reason) {
  const std::string_view result = reason != Reason::kOk ? weft::ToString(reason)
                                  : resumed             ? "resumed"
                                                        : "full";
  const std::array<std::string_view, 2> values = {ToString(direction), result};
  shard_.FindCounter(families_.handshakes, values).Add();
}

void Reporter::Detected(engine::Direction direction, Detection detection) {
  const std::array<std::string_view, 2> values = {ToString(direction), ToString(detection)};
  shard_.FindCounter(families_.detections, values).Add();
}

void Reporter::StreamBegan(engine::Direction direction) { per_direction_[Index(direction)].streams.Add(1); }

void Reporter::StreamEnded(const StreamReport& report) {
  PerDirection& direction = per_direction_[Index(report.direction)];
  direction.streams.Add(-1);
  direction.received.Add(report.received);
  direction.sent.Add(report.sent);
  Book& book = report.backend == nullptr ? *unknown_[Index(report.direction)] : BookOf(*report.backend);
  book.Streams(report.kind, report.reason).Add();
}

void Reporter::Lent(engine::Backend& backend, bool reused, Duration waited) {
  Book& book = BookOf(backend);
  ++book.totals.lent;
  book.totals.reused += reused;
  book.totals.last_used = now_;
  if (book.totals.created == TimePoint()) book.totals.created = now_;
  if (waited > Duration::zero()) book.PoolWait().Record(static_cast<std::uint64_t>(waited.count()));
}

void Reporter::Mirrored(const BackendKey& to, MirrorResult result) {
  BookFor(to, engine::Direction::kOutbound).Mirrors(result).Add();
}

void Reporter::Forgot(const BackendKey& key, engine::Direction direction) {
  books_[Index(direction)].erase(key);
}

void Reporter::Flush(TimePoint now) {
  now_ = now;
  if (log_ != nullptr) {
    log_->Flush();
    dropped_.Add(log_->dropped() - dropped_reported_);
    dropped_reported_ = log_->dropped();
  }
  if (!shard_.stale()) return;
  for (const auto& books : books_) {
    for (const auto& [key, book] : books) book->Forget();
  }
  for (const auto& book : unknown_) book->Forget();
  shard_.Acknowledge();
  FindPerDirection();
}

Totals Reporter::Copy() const {
  Totals totals;
  for (const auto& books : books_) {
    for (const auto& [key, book] : books) totals[{key, book->direction()}] = book->Copy();
  }
  for (const auto& book : unknown_) {
    BackendTotals copy = book->Copy();
    if (!copy.edges.empty()) totals[{book->key(), book->direction()}] = std::move(copy);
  }
  return totals;
}

}  // namespace weft::report
