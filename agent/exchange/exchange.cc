#include "agent/exchange/exchange.h"

#include <algorithm>
#include <utility>

#include "agent/exchange/second.h"

namespace weft::exchange {
namespace {

using engine::Outcome;

constexpr std::size_t kMostFree = 256;

// Of a deadline the next hop is told less, by 1 ms and what whole milliseconds leave over.
constexpr Duration kShareKept = std::chrono::milliseconds(2);

// Whether CONNECT may open a tunnel to it: not to HTTP, whose requests would go past routes and records.
bool MayTunnel(const engine::Backend& backend) {
  const policy::Protocol protocol = backend.protocol;
  return protocol == policy::Protocol::kTcp || protocol == policy::Protocol::kTls ||
         protocol == policy::Protocol::kDetect || backend.key.service.cluster == snapshot::kEgress;
}

}  // namespace

Exchange::Exchange(Environment& env) : env_(env), attempt_(env.io.loop, env.pool, *this), kept_(env.io.slab) {
  timer_.Bind(
      env.io.loop.timers(), [](void* self, TimePoint now) { static_cast<Exchange*>(self)->OnTimer(now); },
      this);
}

Exchange::~Exchange() = default;

Exchange* Exchange::Begin(Environment& env, Client client, message::RequestHead& head, std::string_view raw,
                          message::Body body) {
  std::unique_ptr<Exchange> mine;
  if (env.free.empty()) {
    mine = std::make_unique<Exchange>(env);
  } else {
    mine = std::move(env.free.back());
    env.free.pop_back();
  }
  Exchange* exchange = mine.release();  // owns itself until Recycle
  ++env.active;
  exchange->Reset(client, body);
  exchange->Start(head, raw);
  return exchange->state_ == State::kDone ? nullptr : exchange;
}

void Exchange::Refuse(Environment& env, Client client, Reason reason) {
  message::RequestHead& head = env.outgoing;
  head.method = message::Method::kOther;
  head.method_text = head.authority = head.target = {};
  head.upgrade = false;
  head.fields.Clear();
  auto* exchange = new Exchange(env);
  ++env.active;
  exchange->Reset(client, {});
  exchange->request_ended_ = true;
  exchange->ReadRequest(head);
  exchange->head_.Save(head, {}, exchange->arena_);
  exchange->Answer(reason);
}

void Exchange::Reset(Client client, message::Body body) {
  client_ = client.stream;
  origin_ = *client.origin;
  if (origin_.direction == engine::Direction::kInbound) ++env_.active_inbound;
  body_ = body;
  state_ = State::kIdle;
  call_.Reset();
  keeping_ = true;
  request_ended_ = request_sent_ = false;
  received_ = taken_ = credited_ = response_bytes_ = 0;
  trailers_ = {};
  wake_at_ = TimePoint::max();
  last_look_ = false;
  missing_ = Reason::kUnknownService;
  beside_ = Beside::kNone;
  attempt_open_ = response_begun_ = fresh_ = caller_meshed_ = target_meshed_ = false;
  status_ = 0;
  grpc_ = false;
  grpc_status_ = -1;
  head_at_ = first_byte_ = TimePoint{};
  retry_after_ = Duration::zero();
  load_ = {};
}

void Exchange::Start(message::RequestHead& head, std::string_view raw) {
  const Reason refused = ReadRequest(head);
  head_.Save(head, raw, arena_);
  if (refused != Reason::kOk) return Answer(refused);
  Decide(head);
}

void Exchange::Decide(const message::RequestHead& head) {
  const bool was_held = state_ == State::kHeld;
  const engine::Verdict verdict = env_.engine.Start(call_, origin_, head, env_.io.loop.now());
  if (verdict.action == engine::Action::kForward) {
    return head.method == message::Method::kConnect && !MayTunnel(*call_.backend)
               ? Answer(Reason::kConnectDenied)
               : Forward();
  }
  if (verdict.action == engine::Action::kRedirect) return Redirect(head);
  const bool pass = verdict.action == engine::Action::kPassthrough;
  const bool unknown =
      pass || verdict.reason == Reason::kUnknownService || verdict.reason == Reason::kNoConfig;
  if (unknown && was_held && !last_look_) return;
  if (unknown && !was_held) {
    const Asked asked = env_.subscribe ? env_.subscribe(head.authority, origin_) : Asked{};
    missing_ = asked.otherwise;
    if (asked.wait || pass) return Hold(asked.wait ? asked.most : Duration::zero());
  }
  if (pass) return PassThrough();
  const bool better = unknown && missing_ != Reason::kUnknownService;
  Answer(better ? missing_ : verdict.reason);
}

// Nothing is taken from the engine meanwhile.
void Exchange::Hold(Duration most) {
  state_ = State::kHeld;
  wake_at_ = env_.io.loop.now() + most;
  timer_.Set(wake_at_);
  env_.held.push_back(this);
}

void Exchange::Retry(bool last) {
  if (state_ != State::kHeld) return;
  last_look_ = last;
  const std::string_view id = call_.request_id;
  head_.LoadLine(env_.outgoing);
  env_.outgoing.fields.Clear();
  for (const message::Field& field : head_.fields)
    env_.outgoing.fields.Add(field.name, field.value, field.id);
  call_.Reset();
  call_.request_id = id;
  Decide(env_.outgoing);
  if (state_ != State::kHeld) std::erase(env_.held, this);
}

// The bytes go on as they came, in HTTP/1.1 (HTTP/2 to a stranger never comes here). A chunked body that has
// begun to arrive cannot: its framing is gone.
void Exchange::PassThrough() {
  const bool framed = head_.version == message::Version::kHttp2;  // its bytes are gone
  if (client_ == nullptr || framed || (body_.kind == message::Body::Kind::kChunked && received_ > 0)) {
    return Answer(Reason::kUnknownService);
  }
  std::string bytes(head_.raw);
  constexpr int kMostPieces = 16;
  iovec pieces[kMostPieces];
  const int count = kept_.Pieces(pieces, kMostPieces);
  for (int i = 0; i < count; ++i)
    bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  env_.pass_through(*std::exchange(client_, nullptr), origin_, std::move(bytes));
  Done(Reason::kOk, 0);
}

void Exchange::Forward() {
  if (!call_.deadline.never()) timer_.Set(call_.deadline.at());
  if (call_.rule != nullptr && !call_.rule->mirrors.empty() && !head_.upgrade) BeginMirrors();
  TryAttempt();
}

void Exchange::TryAttempt() {
  Reason why = Reason::kOk;
  engine::Target* target = env_.engine.Pick(call_, env_.io.loop.now(), why);
  if (target == nullptr) return Answer(why);
  state_ = State::kAttempt;
  attempt_open_ = true;
  taken_ = 0;
  request_sent_ = false;
  head_at_ = TimePoint{};
  retry_after_ = Duration::zero();
  load_ = {};
  status_ = 0;
  grpc_status_ = -1;
  if (env_.LeadsHome(origin_.direction, target->address)) return FailAttempt(Outcome::kLocal, Reason::kLoop);
  if (head_.method == message::Method::kConnect) return Dial(*target);
  const bool repeatable = message::IsIdempotent(head_.method) || call_.idempotency_key;
  const bool inbound = origin_.direction == engine::Direction::kInbound;
  const bool http2 = (target->multiplexed && !head_.upgrade) ||
                     SpeaksHttp2(inbound ? origin_.declared : call_.backend->protocol, head_.version);
  const bool switches = http2 && head_.upgrade;
  if (switches && !MaySwitch()) return FailAttempt(Outcome::kLocal, Reason::kUpgradeRefused);
  const pool::Demand demand{fresh_, repeatable, http2, switches};
  if (call_.adaptive_timeout > Duration::zero() || call_.hedge_after > Duration::zero())
    return StartTuned(*target, demand);
  attempt_.Start(*target, *call_.timeouts, head_.method, demand);
}

void Exchange::CancelAttempt() {
  if (beside_ != Beside::kNone) DropSecond();
  attempt_.Cancel();
  if (dialling_ != nullptr) env_.tunnels->HangUp(*std::exchange(dialling_, nullptr));
}

// Tells the engine how the attempt went; true when another one follows (after a delay: the state is
// kBackoff).
bool Exchange::Ended(Outcome outcome, Reason reason) {
  engine::AttemptResult result;
  result.outcome = outcome;
  result.reason = reason;
  result.status = EffectiveStatus();
  if (result.status == 504 && ItsShareEnded()) result.outcome = PastDeadline().outcome;
  result.grpc = grpc_status_;
  result.never_sent = attempt_.never_sent();
  result.reused_connection = attempt_.reused();
  result.replayable = keeping_;
  result.committed = response_begun_;
  result.head_at = head_at_;
  result.retry_after = retry_after_;
  result.load = load_;
  attempt_open_ = false;
  const TimePoint now = env_.io.loop.now();
  const engine::RetryVerdict verdict = env_.engine.Ended(call_, result, now);
  if (!verdict.retry) return false;
  fresh_ = verdict.fresh;
  state_ = State::kBackoff;
  wake_at_ = now + verdict.delay;
  timer_.Set(std::min(wake_at_, call_.deadline.at()));
  return true;
}

// The attempt is over and is no answer; true when one comes later, or goes on beside it.
bool Exchange::AnotherGoesOn(Outcome outcome, Reason reason) {
  const bool beside = beside_ == Beside::kRunning;
  if (Ended(outcome, reason)) return true;
  if (!beside) return false;
  beside_ = Beside::kAlone;
  attempt_open_ = true;
  return true;
}

void Exchange::FailAttempt(Outcome outcome, Reason reason) {
  if (attempt_open_ && AnotherGoesOn(outcome, reason)) return;
  if (!response_begun_) return Answer(reason);
  if (grpc_ && grpc_status_ < 0 && answer::MappingOf(reason).grpc == answer::GrpcStatus::kDeadlineExceeded)
    return EndGrpc(reason);
  const std::uint16_t status = status_;
  if (stream::ServerStream* client = std::exchange(client_, nullptr))
    client->Reset(stream::ResetCode::kTruncated);
  Done(reason, status);
}

// Whether what comes from the instance now comes of the deadline: its share ends before ours does.
bool Exchange::ItsShareEnded() const {
  return !call_.deadline.never() && call_.deadline.Remaining(env_.io.loop.now()) <= kShareKept;
}

Exchange::Failure Exchange::PastDeadline() const {
  if (call_.deadline_is_callers) return {Outcome::kCallerDeadline, Reason::kCallerDeadline};
  return {Outcome::kRequestTimeout, Reason::kRequestTimeout};
}

void Exchange::OnTimer(TimePoint now) {
  if (state_ == State::kDone) return;
  if (call_.deadline.Passed(now)) {
    const Failure late = PastDeadline();
    CancelAttempt();
    call_.deadline = Deadline::Never();
    return FailAttempt(late.outcome, late.reason);
  }
  if (wake_at_ > now) {
    timer_.Set(std::min(wake_at_, call_.deadline.at()));
    return;
  }
  wake_at_ = TimePoint::max();
  timer_.Set(call_.deadline.at());
  if (state_ == State::kHeld) return Retry(true);
  if (state_ == State::kBackoff) return TryAttempt();
  if (state_ == State::kAttempt) StartSecond();
}

void Exchange::Abort() {
  if (state_ == State::kDone) return;
  CancelAttempt();
  call_.deadline = Deadline::Never();
  keeping_ = false;  // nothing is tried again
  FailAttempt(Outcome::kLocal, Reason::kShutdown);
}

// --- the attempt ---

void Exchange::OnAttemptReady() {
  if (WriteRequest(attempt_, *call_.target)) return SendKept();
  CancelAttempt();
  FailAttempt(Outcome::kLocal, Reason::kHeadTooLarge);
}

void Exchange::OnAttemptInterim(message::ResponseHead& head) {
  if (response_begun_ || client_ == nullptr) return;
  for (message::FieldId id = message::FieldId::kWeftDeadlineMs; id < message::FieldId::kCount;
       id = static_cast<message::FieldId>(static_cast<int>(id) + 1)) {
    head.fields.Remove(id);
  }
  client_->SendInterim(head);
}

void Exchange::OnAttemptHead(message::ResponseHead& head, message::Body body) {
  status_ = static_cast<std::uint16_t>(head.status);
  head_at_ = env_.io.loop.now();
  retry_after_ = RetryAfterOf(head);
  ReadMarks(head);
  if (head_.upgrade && !AnswersUpgrade(head)) return;
  if (status_ == 101) return OnSwitch(head);
  if (grpc_) ReadGrpcStatus(head.fields);
  if (env_.engine.Retriable(call_, EffectiveStatus(), grpc_status_) &&
      AnotherGoesOn(Outcome::kResponse, Reason::kOk))
    return attempt_.Abandon();
  if (beside_ != Beside::kNone) DropSecond();
  EditResponse(head);
  if (!client_->SendHead(head, body)) {
    CancelAttempt();
    return FailAttempt(Outcome::kLocal, Reason::kUpstreamHeadTooLarge);
  }
  response_begun_ = true;
  first_byte_ = head_at_;
  DropKept();
}

void Exchange::OnAttemptData(std::string_view data) {
  if (client_ == nullptr) return;
  response_bytes_ += data.size();
  if (env_.BuffersFull()) return Overflow();
  const std::size_t taken = client_->SendData(data);
  if (taken > 0) attempt_.Consumed(taken);
}

// Somebody has to give way, and this one asks for more.
void Exchange::Overflow() {
  CancelAttempt();
  keeping_ = false;
  FailAttempt(Outcome::kLocal, Reason::kMemoryLimit);
}

void Exchange::OnAttemptTrailers(const message::FieldList& trailers) {
  if (grpc_) ReadGrpcStatus(trailers);
  if (client_ != nullptr) client_->SendTrailers(trailers);
}

void Exchange::OnAttemptTaken(std::size_t bytes) { Taken(bytes); }

void Exchange::OnAttemptEnd() {
  if (state_ == State::kDone) return;
  if (grpc_ && grpc_status_ < 0) {  // what its client will make of it
    const auto made = status_ == 200 ? answer::GrpcStatus::kUnknown : answer::GrpcOfHttp(status_);
    grpc_status_ = static_cast<std::int8_t>(made);
  }
  if (attempt_open_) Ended(Outcome::kResponse, Reason::kOk);
  if (stream::ServerStream* client = std::exchange(client_, nullptr)) client->SendEnd();
  Done(Reason::kOk, status_);
}

void Exchange::OnAttemptFailed(Outcome outcome, Reason reason) {
  if (state_ == State::kDone) return;
  const bool cut = outcome == Outcome::kReset || outcome == Outcome::kTruncated;
  const Failure failure = cut && ItsShareEnded() ? PastDeadline() : Failure{outcome, reason};
  FailAttempt(failure.outcome, failure.reason);
}

// --- the client ---

void Exchange::OnResponseTaken(std::size_t bytes) { attempt_.Consumed(bytes); }

void Exchange::OnClientReset(stream::ResetCode) {
  client_ = nullptr;
  if (state_ == State::kDone) return;
  CancelAttempt();
  if (attempt_open_) {
    keeping_ = false;
    Ended(Outcome::kClientClosed, Reason::kClientClosed);
  }
  Done(Reason::kClientClosed, response_begun_ ? status_ : std::uint16_t{0});
}

// --- the end ---

void Exchange::Done(Reason reason, std::uint16_t status) {
  if (state_ == State::kHeld) std::erase(env_.held, this);
  state_ = State::kDone;
  timer_.Cancel();
  DropKept();
  if (!mirrors_.empty()) {
    for (Mirror* mirror : std::exchange(mirrors_, {})) mirror->Drop();
  }
  const TimePoint now = env_.io.loop.now();
  report::RequestReport report;
  report.call = &call_;
  report.reason = reason;
  report.status = status;
  report.grpc_status = grpc_status_;
  report.method = head_.method;
  report.method_text = head_.method_text;
  report.authority = head_.authority;
  report.target = head_.target;
  report.request_id = request_id_;
  report.request_bytes = received_;
  report.response_bytes = response_bytes_;
  report.first_byte = first_byte_;
  report.ended = now;
  if (status != 0 || reason != Reason::kOk) env_.sink.Request(report);  // a relay counts its bytes
  env_.engine.Finish(call_, reason, status, now);
  env_.io.loop.Later([](void* self) { static_cast<Exchange*>(self)->Recycle(); }, this);
}

void Exchange::Recycle() {
  --env_.active;
  if (origin_.direction == engine::Direction::kInbound) --env_.active_inbound;
  arena_.Clear();
  std::unique_ptr<Exchange> mine(this);
  if (env_.free.size() < kMostFree) env_.free.push_back(std::move(mine));
}

}  // namespace weft::exchange
