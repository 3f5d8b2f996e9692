// An attempt beside one that is slow (Engine::Hedge), for a request that is whole: to another instance, with
// an attempt of its own until it has a response head. Whichever answers first goes on as the first attempt,
// so that all behind the head is the same; the other is abandoned.

#include "agent/exchange/second.h"

namespace weft::exchange {

policy::Timeouts Exchange::TunedTimeouts() const {
  policy::Timeouts tuned = *call_.timeouts;
  const Duration adaptive = call_.adaptive_timeout, written = tuned.response_head;
  if (adaptive > Duration::zero())
    tuned.response_head = written > Duration::zero() ? std::min(written, adaptive) : adaptive;
  return tuned;
}

// An attempt with a time-out of the engine's, or that another one may be begun beside.
void Exchange::StartTuned(engine::Target& target, pool::Demand demand) {
  if (call_.hedge_after > Duration::zero()) {
    wake_at_ = env_.io.loop.now() + call_.hedge_after;
    timer_.Set(std::min(wake_at_, call_.deadline.at()));
  }
  attempt_.Start(target, TunedTimeouts(), head_.method, demand);
}

void Exchange::StartSecond() {
  const bool whole = request_ended_ && (received_ == 0 || keeping_);
  if (!attempt_open_ || response_begun_ || !whole || head_.upgrade || call_.hedge_after == Duration::zero())
    return;
  engine::Target* target = env_.engine.Hedge(call_, env_.io.loop.now());
  if (target == nullptr) return;
  beside_ = Beside::kRunning;
  if (env_.LeadsHome(origin_.direction, target->address))
    return EndSecond(engine::Outcome::kLocal, Reason::kLoop);
  if (!second_) second_ = std::make_unique<Second>(*this);
  second_->target = target;
  const bool http2 = target->multiplexed || SpeaksHttp2(call_.backend->protocol, head_.version);
  second_->attempt.Start(*target, TunedTimeouts(), head_.method, {false, true, http2});
}

void Exchange::SecondReady() {
  upstream::Attempt& attempt = second_->attempt;
  if (!WriteRequest(attempt, *second_->target)) {
    attempt.Cancel();
    return SecondFailed(engine::Outcome::kLocal, Reason::kHeadTooLarge);
  }
  constexpr int kMostPieces = 16;  // twice what can be kept
  iovec pieces[kMostPieces];
  const int count = kept_.Pieces(pieces, kMostPieces);
  for (int i = 0; i < count && attempt.live(); ++i)
    attempt.SendData({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len});
  if (attempt.live() && !trailers_.empty()) {
    LoadFields(trailers_, env_.io.trailers);
    attempt.SendTrailers(env_.io.trailers);
  }
  if (attempt.live()) attempt.SendEnd();
}

// Of its answer nobody hears but the engine: it is none, or the first one's came before.
void Exchange::EndSecond(engine::Outcome outcome, Reason reason) {
  engine::AttemptResult result;
  result.outcome = outcome;
  result.reason = reason;
  if (outcome == engine::Outcome::kResponse) {
    result.status = EffectiveStatus();
    result.grpc = grpc_status_;
    result.head_at = env_.io.loop.now();
    result.retry_after = retry_after_;
  }
  if (second_) {
    result.never_sent = second_->attempt.never_sent();
    result.reused_connection = second_->attempt.reused();
  }
  beside_ = Beside::kNone;
  env_.engine.HedgeEnded(call_, result, env_.io.loop.now());
}

void Exchange::DropSecond() {
  second_->attempt.Abandon();
  if (beside_ == Beside::kRunning) return EndSecond(engine::Outcome::kOutrun, Reason::kOk);
  beside_ = Beside::kNone;
  attempt_.TakeOver(second_->attempt);
}

void Exchange::SecondFailed(engine::Outcome outcome, Reason reason) {
  if (beside_ == Beside::kRunning) return EndSecond(outcome, reason);
  beside_ = Beside::kNone;
  attempt_.TakeOver(second_->attempt);
  OnAttemptFailed(outcome, reason);
}

void Exchange::SecondHead(message::ResponseHead& head, message::Body body) {
  if (beside_ == Beside::kRunning) {
    status_ = static_cast<std::uint16_t>(head.status);
    retry_after_ = RetryAfterOf(head);
    if (grpc_) ReadGrpcStatus(head.fields);
    if (status_ == 101 || env_.engine.Retriable(call_, EffectiveStatus(), grpc_status_)) {
      second_->attempt.Abandon();
      EndSecond(engine::Outcome::kResponse, Reason::kOk);
      status_ = 0;
      grpc_status_ = -1;
      return;
    }
    attempt_.Abandon();
    engine::AttemptResult outrun;
    outrun.outcome = engine::Outcome::kOutrun;
    env_.engine.Ended(call_, outrun, env_.io.loop.now());
  }
  beside_ = Beside::kNone;
  grpc_status_ = -1;  // what the first one said
  load_ = {};
  attempt_.TakeOver(second_->attempt);
  OnAttemptHead(head, body);
}

}  // namespace weft::exchange
