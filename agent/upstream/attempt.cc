#include "agent/upstream/attempt.h"

#include <algorithm>
#include <utility>

namespace weft::upstream {
namespace {

using engine::Outcome;
using stream::ResetCode;

constexpr TimePoint kNever = TimePoint::max();

TimePoint After(TimePoint from, Duration span) { return span > Duration::zero() ? from + span : kNever; }

struct Failure {
  Outcome outcome;
  Reason reason;
};

// What a broken connection means for the attempt, before and after its response head.
Failure Classify(ResetCode code, bool head_seen) {
  if (head_seen) {
    const bool malformed = code == ResetCode::kProtocol;
    return {Outcome::kTruncated, malformed ? Reason::kUpstreamMalformed : Reason::kUpstreamTruncated};
  }
  switch (code) {
    case ResetCode::kProtocol: return {Outcome::kMalformed, Reason::kUpstreamMalformed};
    case ResetCode::kIdentity: return {Outcome::kReset, Reason::kIdentityRefused};
    case ResetCode::kTooLarge: return {Outcome::kMalformed, Reason::kUpstreamHeadTooLarge};
    default: return {Outcome::kReset, Reason::kUpstreamReset};
  }
}

}  // namespace

Attempt::Attempt(loop::EventLoop& loop, pool::Pool& pool, AttemptEvents& events)
    : loop_(loop), pool_(pool), events_(events) {
  timer_.Bind(
      loop.timers(), [](void* self, TimePoint now) { static_cast<Attempt*>(self)->OnTimer(now); }, this);
}

void Attempt::Start(engine::Target& target, const policy::Timeouts& timeouts, message::Method method,
                    pool::Demand demand) {
  const TimePoint now = loop_.now();
  timeouts_ = timeouts;
  method_ = method;
  running_ = waiting_ = true;
  reused_ = head_seen_ = false;
  never_sent_ = true;
  connect_due_ = head_due_ = kNever;
  attempt_due_ = After(now, timeouts.attempt);
  last_progress_ = now;
  const pool::Loan loan = pool_.Acquire(target, *this, demand);
  if (loan.stream != nullptr) return Adopt(*loan.stream, loan.reused);
  if (running_ && waiting_) timer_.Set(Due());
}

void Attempt::Adopt(stream::ClientStream& connection, bool reused) {
  waiting_ = false;
  connection_ = &connection;
  reused_ = reused;
  connect_due_ = kNever;
  connection.Begin(*this, method_);
  timer_.Set(Due());
  events_.OnAttemptReady();
}

void Attempt::Cancel() {
  if (!running_) return;
  running_ = false;
  timer_.Cancel();
  if (waiting_) pool_.Cancel(*this);
  waiting_ = false;
  if (connection_ == nullptr) return;
  never_sent_ = !connection_->AnyByteSent();
  std::exchange(connection_, nullptr)->Reset(ResetCode::kCancel);
}

void Attempt::Abandon() {
  if (connection_ == nullptr) return Cancel();
  stream::ClientStream* connection = connection_;
  Forget();
  connection->Abandon();
}

void Attempt::TakeOver(Attempt& other) {
  timeouts_ = other.timeouts_;
  method_ = other.method_;
  reused_ = other.reused_;
  never_sent_ = other.never_sent_;
  head_seen_ = other.head_seen_;
  waiting_ = false;
  connect_due_ = attempt_due_ = head_due_ = kNever;
  connection_ = other.connection_;
  running_ = connection_ != nullptr;
  other.Forget();
  if (!running_) return;
  connection_->Redirect(*this);
  Progress();
  timer_.Set(Due());
}

connection::Handed Attempt::HandOver() {
  stream::ClientStream& stream = *connection_;
  Forget();
  return pool_.HandOver(stream);
}

std::size_t Attempt::SendData(std::string_view data) {
  Progress();
  return connection_->SendData(data);
}

void Attempt::SendEnd() {
  connection_->SendEnd();
  if (head_seen_ || timeouts_.response_head <= Duration::zero()) return;
  head_due_ = After(loop_.now(), timeouts_.response_head);
  timer_.Set(Due());
}

void Attempt::Consumed(std::size_t bytes) {
  if (connection_ == nullptr) return;
  Progress();
  connection_->Consumed(bytes);
}

// --- the pool ---

void Attempt::OnConnecting() {
  connect_due_ = After(loop_.now(), timeouts_.connect);
  timer_.Set(Due());
}

void Attempt::OnLent(stream::ClientStream& connection, bool reused) { Adopt(connection, reused); }

void Attempt::OnRefused(Outcome outcome, Reason reason) {
  waiting_ = false;
  Fail(outcome, reason);
}

// --- the connection ---

void Attempt::OnInterim(message::ResponseHead& head) {
  Progress();
  events_.OnAttemptInterim(head);
}

void Attempt::OnResponseHead(message::ResponseHead& head, message::Body body) {
  head_seen_ = true;
  never_sent_ = false;
  head_due_ = attempt_due_ = kNever;
  Progress();
  events_.OnAttemptHead(head, body);
}

void Attempt::OnResponseData(std::string_view data) {
  Progress();
  events_.OnAttemptData(data);
}

void Attempt::OnResponseTrailers(const message::FieldList& trailers) { events_.OnAttemptTrailers(trailers); }

void Attempt::OnResponseEnd() {
  Forget();
  events_.OnAttemptEnd();
}

void Attempt::OnRequestTaken(std::size_t bytes) {
  Progress();
  events_.OnAttemptTaken(bytes);
}

void Attempt::OnUpstreamReset(ResetCode code) {
  const bool refused = code == ResetCode::kRefused;  // the peer vouches that it did nothing
  never_sent_ = refused || code == ResetCode::kIdentity || !connection_->AnyByteSent();
  reused_ |= refused;  // says as little of the instance as a stale connection
  const Failure failure = Classify(code, head_seen_);
  Forget();
  events_.OnAttemptFailed(failure.outcome, failure.reason);
}

void Attempt::Forget() {
  connection_ = nullptr;
  running_ = false;
  timer_.Cancel();
}

// --- time ---

TimePoint Attempt::Due() const {
  return std::min({connect_due_, attempt_due_, head_due_, After(last_progress_, timeouts_.stream_idle)});
}

void Attempt::OnTimer(TimePoint now) {
  if (connect_due_ <= now) return Fail(Outcome::kConnectTimeout, Reason::kConnectTimeout);
  if (attempt_due_ <= now) return Fail(Outcome::kAttemptTimeout, Reason::kAttemptTimeout);
  if (head_due_ <= now) return Fail(Outcome::kHeadTimeout, Reason::kResponseHeadTimeout);
  if (Due() <= now) {
    return Fail(head_seen_ ? Outcome::kTruncated : Outcome::kHeadTimeout, Reason::kStreamIdle);
  }
  timer_.Set(Due());
}

void Attempt::Fail(Outcome outcome, Reason reason) {
  Cancel();
  events_.OnAttemptFailed(outcome, reason);
}

}  // namespace weft::upstream
