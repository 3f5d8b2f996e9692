#include "agent/exchange/mirror.h"

namespace weft::exchange {
namespace {

using engine::Outcome;
using report::MirrorResult;

constexpr std::size_t kMostMirrors = 256;                   // per worker
constexpr std::size_t kMirrorBytes = 4 * 1024 * 1024;       // of bodies, per worker
constexpr Duration kMirrorTime = std::chrono::seconds(15);  // for one that names no shorter attempt timeout

}  // namespace

Mirror* Mirror::Begin(Environment& env, const BackendKey& to, const engine::Origin& origin,
                      const message::RequestHead& head, message::Body body) {
  const bool large = body.kind == message::Body::Kind::kLength && body.length > kTeePerRequest;
  if (large || env.mirrors.size() >= kMostMirrors) {
    env.sink.Mirrored(to, MirrorResult::kOverflow);
    return nullptr;
  }
  auto* mirror = new Mirror(env, to, origin, body);  // owns itself until Done
  mirror->Save(head);
  return mirror;
}

Mirror::Mirror(Environment& env, const BackendKey& to, const engine::Origin& origin, message::Body body)
    : env_(env), attempt_(env.io.loop, env.pool, *this), to_(to), body_(body), bytes_(env.io.slab) {
  env_.mirrors.push_back(this);
  origin_.fixed = &to_;
  origin_.direct = true;
  origin_.peer = origin.peer;
}

void Mirror::Save(const message::RequestHead& head) {
  head_.method = head.method;
  head_.version = head.version;
  head_.method_text = arena_.Copy(head.method_text);
  head_.scheme = arena_.Copy(head.scheme);
  head_.authority = arena_.Copy(head.authority);
  head_.target = arena_.Copy(head.target);
  head_.fields = SaveFields(head.fields, arena_);
}

void Mirror::Data(std::string_view data) {
  if (overflow_) return;
  if (bytes_.size() + data.size() > kTeePerRequest || env_.mirror_bytes + data.size() > kMirrorBytes)
    return Overflow();
  env_.mirror_bytes += data.size();
  bytes_.Append(data);
}

void Mirror::Overflow() {
  overflow_ = true;
  env_.mirror_bytes -= bytes_.size();
  bytes_.Clear();
}

void Mirror::Trailers(const message::FieldList& trailers) { trailers_ = SaveFields(trailers, arena_); }

void Mirror::Drop() { Done(overflow_ ? MirrorResult::kOverflow : MirrorResult::kIncomplete, Reason::kOk); }

void Mirror::DropAll(Environment& env) {
  for (Mirror* mirror : std::vector(env.mirrors)) {
    if (!mirror->attempting_) {
      mirror->Drop();
      continue;
    }
    mirror->attempt_.Cancel();
    mirror->End(Outcome::kLocal, Reason::kShutdown);
  }
}

void Mirror::Send() {
  if (overflow_) return Done(MirrorResult::kOverflow, Reason::kOk);
  message::RequestHead& head = env_.outgoing;
  head_.LoadLine(head);
  LoadFields(head_.fields, head.fields);
  started_ = true;
  const engine::Verdict verdict = env_.engine.Start(call_, origin_, head, env_.io.loop.now());
  if (verdict.action != engine::Action::kForward) return Done(MirrorResult::kFailed, verdict.reason);
  Try();
}

void Mirror::Try() {
  Reason why = Reason::kOk;
  engine::Target* target = env_.engine.Pick(call_, env_.io.loop.now(), why);
  if (target == nullptr) return Done(MirrorResult::kFailed, why);
  attempting_ = true;
  if (env_.LeadsHome(engine::Direction::kOutbound, target->address))
    return End(Outcome::kLocal, Reason::kLoop);
  policy::Timeouts timeouts = *call_.timeouts;
  if (timeouts.attempt <= Duration::zero() || timeouts.attempt > kMirrorTime) timeouts.attempt = kMirrorTime;
  attempt_.Start(*target, timeouts, head_.method,
                 {.http2 = SpeaksHttp2(call_.backend->protocol, head_.version)});
}

void Mirror::OnAttemptReady() {
  message::RequestHead& head = env_.outgoing;
  head_.LoadLine(head);
  LoadFields(head_.fields, head.fields);
  if (!attempt_.SendHead(head, body_)) {
    attempt_.Cancel();
    return End(Outcome::kLocal, Reason::kHeadTooLarge);
  }
  constexpr int kMostPieces = 16;  // twice what can be kept
  iovec pieces[kMostPieces];
  const int count = bytes_.Pieces(pieces, kMostPieces);
  for (int i = 0; i < count && attempt_.live(); ++i)
    attempt_.SendData({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len});
  if (!attempt_.live()) return;
  if (!trailers_.empty()) {
    LoadFields(trailers_, env_.io.trailers);
    attempt_.SendTrailers(env_.io.trailers);
  }
  attempt_.SendEnd();
}

void Mirror::OnAttemptHead(message::ResponseHead& head, message::Body) {
  status_ = static_cast<std::uint16_t>(head.status);
  head_at_ = env_.io.loop.now();
  attempt_.Abandon();
  End(Outcome::kResponse, Reason::kOk);
}

void Mirror::OnAttemptFailed(Outcome outcome, Reason reason) { End(outcome, reason); }

void Mirror::End(Outcome outcome, Reason reason) {
  engine::AttemptResult result;
  result.outcome = outcome;
  result.reason = reason;
  result.status = status_;
  result.never_sent = attempt_.never_sent();
  result.reused_connection = attempt_.reused();
  result.head_at = head_at_;
  result.committed = true;  // never again
  attempting_ = false;
  env_.engine.Ended(call_, result, env_.io.loop.now());
  Done(outcome == Outcome::kResponse ? MirrorResult::kAnswered : MirrorResult::kFailed, reason);
}

void Mirror::Done(report::MirrorResult result, Reason reason) {
  std::erase(env_.mirrors, this);
  env_.mirror_bytes -= bytes_.size();
  env_.sink.Mirrored(to_, result);
  if (started_) env_.engine.Finish(call_, reason, status_, env_.io.loop.now());
  env_.io.loop.Later([](void* self) { delete static_cast<Mirror*>(self); }, this);
}

}  // namespace weft::exchange
