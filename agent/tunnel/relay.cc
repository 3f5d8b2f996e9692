#include "agent/tunnel/relay.h"

#include <algorithm>
#include <utility>

#include "agent/stream/stream.h"

namespace weft::tunnel {
namespace {

using engine::Outcome;
using Kind = transport::IoResult::Kind;

}  // namespace

Relay::Relay(Tunnels& tunnels, std::unique_ptr<transport::Transport> client, const engine::Origin& origin,
             std::function<void()> closed)
    : tunnels_(tunnels),
      client_(*this, tunnels.io_),
      server_(*this, tunnels.io_),
      origin_(origin),
      closed_(std::move(closed)) {
  client_.other = &server_;
  server_.other = &client_;
  client_.transport = std::move(client);
  timer_.Bind(
      tunnels.io_.loop.timers(), [](void* self, TimePoint now) { static_cast<Relay*>(self)->OnTimer(now); },
      this);
}

void Relay::Start(std::string_view first) {
  server_.out.Append(first);
  client_.read = first.size();
  if (!client_.transport->Attach(tunnels_.io_.loop, client_)) return Close(true);
  message::RequestHead& head = tunnels_.io_.request;  // the engine wants a head; a relay has none
  head.method = message::Method::kOther;
  head.method_text = head.authority = head.target = {};
  head.fields.Clear();
  const TimePoint now = tunnels_.io_.loop.now();
  const engine::Verdict verdict = tunnels_.engine_.Start(call_, origin_, head, now);
  if (verdict.action == engine::Action::kPassthrough) return Connect();
  if (verdict.action != engine::Action::kForward) return Finish(verdict.reason);
  idle_ = call_.timeouts->stream_idle;
  connect_ = call_.timeouts->connect;
  Connect();
}

// To the instance that the engine picks, or where the client meant to go.
void Relay::Connect() {
  net::Address to = origin_.original;
  const TimePoint now = tunnels_.io_.loop.now();
  if (call_.backend != nullptr) {
    Reason why = Reason::kOk;
    engine::Target* target = tunnels_.engine_.Pick(call_, now, why);
    if (target == nullptr) return Finish(why);
    attempting_ = true;
    if (!tunnels_.engine_.TryConnect(*target))
      return EndAttempt(Outcome::kLocal, Reason::kConnectionOverflow);
    counted_ = target;
    to = target->address;
  }
  if (!Open(to)) EndAttempt(Outcome::kConnectFailed, Reason::kConnectFailed);
}

bool Relay::Open(const net::Address& to) {
  Result<std::unique_ptr<transport::Transport>> transport = transport::Connect(to);
  if (!transport || !(*transport)->Attach(tunnels_.io_.loop, server_)) return false;
  server_.transport = std::move(*transport);
  server_.connecting = true;
  timer_.Set(tunnels_.io_.loop.now() + (connect_ > Duration::zero() ? connect_ : idle_));
  return true;
}

bool Relay::Dial(engine::Target& target, const policy::Timeouts& timeouts,
                 std::function<void(Reason reason)> dialled) {
  counted_ = &target;
  idle_ = timeouts.stream_idle;
  connect_ = timeouts.connect;
  if (!Open(target.address)) return false;
  dialled_ = std::move(dialled);
  return true;
}

void Relay::EndDial(Reason reason) {
  const std::function<void(Reason)> dialled = std::exchange(dialled_, nullptr);
  if (reason != Reason::kOk) Close(true);
  dialled(reason);
}

void Relay::Join(std::unique_ptr<transport::Transport> client, std::string_view greeting,
                 std::string_view unread, std::function<void()> closed) {
  closed_ = std::move(closed);
  client_.transport = std::move(client);
  if (!client_.transport->Attach(tunnels_.io_.loop, client_)) return Close(true);
  client_.out.Append(greeting);
  server_.out.Append(unread);
  client_.read = unread.size();
  last_progress_ = tunnels_.io_.loop.now();
  timer_.Set(idle_ > Duration::zero() ? last_progress_ + idle_ : TimePoint::max());
  if (Flush(client_)) Flush(server_);
}

void Relay::Connected(int error) {
  server_.connecting = false;
  if (dialled_ != nullptr) return EndDial(error == 0 ? Reason::kOk : Reason::kConnectFailed);
  if (error != 0) return EndAttempt(Outcome::kConnectFailed, Reason::kConnectFailed);
  const TimePoint now = tunnels_.io_.loop.now();
  if (attempting_) {
    engine::AttemptResult result;
    result.outcome = Outcome::kResponse;
    result.committed = true;
    result.head_at = now;
    attempting_ = false;
    tunnels_.engine_.Ended(call_, result, now);
  }
  tunnels_.engine_.Finish(call_, Reason::kOk, 0, now);  // the snapshot is not needed any more
  last_progress_ = now;
  timer_.Set(idle_ > Duration::zero() ? now + idle_ : TimePoint::max());
  if (!Flush(server_)) return;
  Pump(client_);
}

void Relay::EndAttempt(Outcome outcome, Reason reason) {
  if (server_.transport != nullptr) server_.transport->Close(true);
  server_.transport.reset();
  if (counted_ != nullptr) tunnels_.engine_.ReleaseConnection(*std::exchange(counted_, nullptr));
  if (!std::exchange(attempting_, false)) return Finish(reason);
  engine::AttemptResult result;
  result.outcome = outcome;
  result.reason = reason;
  result.never_sent = true;
  const engine::RetryVerdict verdict = tunnels_.engine_.Ended(call_, result, tunnels_.io_.loop.now());
  if (verdict.retry) return Connect();
  Finish(reason);
}

// --- bytes ---

void Relay::Side::OnReady(bool now_readable, bool writable) {
  if (relay.done_) return;
  if (connecting) {
    if (writable) relay.Connected(transport::ConnectError(*transport));
    if (relay.done_ || connecting || transport == nullptr) return;
  } else if (writable && !relay.Flush(*this)) {
    return;
  }
  hangup |= relay.tunnels_.io_.loop.hangup();
  readable |= now_readable;
  if (readable) relay.Pump(*this);
}

// Reads while the other side keeps up.
void Relay::Pump(Side& from) {
  Side& to = *from.other;
  while (!done_ && from.readable && !from.ended) {
    const bool pending = to.transport == nullptr || to.connecting;
    if (to.out.size() >= (pending ? stream::kWindow : 1)) return;
    const std::size_t asked = connection::kScratchBytes;
    const transport::IoResult result = from.transport->Read(tunnels_.io_.scratch.get(), asked);
    last_progress_ = tunnels_.io_.loop.now();
    if (result.kind == Kind::kError) return Close(true);
    if (result.kind != Kind::kOk) {
      from.readable = false;
      from.ended = result.kind == Kind::kEnd;
      return MaybeShut(from);
    }
    from.readable = from.hangup || result.bytes == asked;
    from.read += result.bytes;
    if (!Write(to, {tunnels_.io_.scratch.get(), result.bytes})) return;
  }
}

// False: closed.
bool Relay::Write(Side& to, std::string_view bytes) {
  if (to.transport != nullptr && !to.connecting && to.out.empty()) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    const transport::IoResult result = to.transport->Write(&piece, 1);
    if (result.kind == Kind::kError) {
      Close(true);
      return false;
    }
    bytes.remove_prefix(result.bytes);
  }
  to.out.Append(bytes);
  return true;
}

bool Relay::Flush(Side& to) {
  while (!to.out.empty()) {
    constexpr int kMostPieces = 8;
    iovec pieces[kMostPieces];
    const int count = to.out.Pieces(pieces, kMostPieces);
    const transport::IoResult result = to.transport->Write(pieces, count);
    if (result.kind == Kind::kError) {
      Close(true);
      return false;
    }
    if (result.bytes == 0) return true;
    last_progress_ = tunnels_.io_.loop.now();
    to.out.Drop(result.bytes);
  }
  MaybeShut(*to.other);
  if (!done_) Pump(*to.other);
  return !done_;
}

// Passes on the end of a direction once all its bytes have gone.
void Relay::MaybeShut(Side& from) {
  Side& to = *from.other;
  if (!from.ended || to.shut || !to.out.empty() || to.transport == nullptr || to.connecting) return;
  to.shut = true;
  to.transport->ShutdownWrite();
  if (from.shut) Close(false);
}

// --- the end ---

void Relay::OnTimer(TimePoint now) {
  if (dialled_ != nullptr) return EndDial(Reason::kConnectTimeout);
  if (server_.connecting) return EndAttempt(Outcome::kConnectTimeout, Reason::kConnectTimeout);
  if (now - last_progress_ >= idle_) return Close(false);
  timer_.Set(last_progress_ + idle_);
}

void Relay::Finish(Reason reason) {
  tunnels_.engine_.Finish(call_, reason, 0, tunnels_.io_.loop.now());
  Close(true);
}

void Relay::Close(bool reset) {
  if (std::exchange(done_, true)) return;
  timer_.Cancel();
  if (call_.backend != nullptr || call_.generation != nullptr) {
    tunnels_.engine_.Finish(call_, Reason::kClientClosed, 0, tunnels_.io_.loop.now());
  }
  for (Side* side : {&client_, &server_}) {
    if (side->transport != nullptr) side->transport->Close(reset);
    side->transport.reset();
    side->out.Clear();
  }
  if (counted_ != nullptr) tunnels_.engine_.ReleaseConnection(*std::exchange(counted_, nullptr));
  tunnels_.sink_.Relayed(origin_.direction, client_.read, server_.read);
  tunnels_.relays_.erase(this);
  closed_();
  tunnels_.io_.loop.Later([](void* self) { delete static_cast<Relay*>(self); }, this);
}

}  // namespace weft::tunnel
