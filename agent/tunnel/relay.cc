#include "agent/tunnel/relay.h"

#include <algorithm>
#include <utility>

#include "agent/connection/reach.h"
#include "agent/detect/proxy_header.h"
#include "agent/stream/stream.h"

namespace weft::tunnel {
namespace {

using engine::Outcome;
using Kind = transport::IoResult::Kind;

}  // namespace

Relay::Relay(Tunnels& tunnels, const engine::Origin& origin, report::StreamKind kind)
    : tunnels_(tunnels),
      client_(*this, tunnels.io_),
      server_(*this, tunnels.io_),
      opening_(std::make_unique<Opening>()),
      direction_(origin.direction),
      kind_(kind) {
  opening_->origin = origin;
  client_.other = &server_;
  server_.other = &client_;
  tunnels_.inbound_ += direction_ == engine::Direction::kInbound;
  timer_.Bind(
      tunnels.io_.loop.timers(), [](void* self, TimePoint now) { static_cast<Relay*>(self)->OnTimer(now); },
      this);
}

// --- until there is a connection ---

void Relay::Start(connection::Handed client, Stream stream, Tunnels::Closed closed) {
  closed_ = std::move(closed);
  first_ = std::move(stream.first);
  opening_->origin.wire =
      kind_ == report::StreamKind::kTls ? policy::RouteKind::kTls : policy::RouteKind::kTcp;
  Began();
  if (!Take(client_, std::move(client))) return;
  message::RequestHead& head = tunnels_.io_.request;  // the engine wants a head; a relay has none
  head.method = message::Method::kOther;
  head.method_text = head.target = {};
  head.authority = stream.server_name;
  head.fields.Clear();
  engine::Call& call = opening_->call;
  const TimePoint now = tunnels_.io_.loop.now();
  const engine::Verdict verdict = tunnels_.engine_.Start(call, opening_->origin, head, now);
  if (verdict.action == engine::Action::kPassthrough) return Connect();
  if (verdict.action != engine::Action::kForward) return Close(true, verdict.reason);
  idle_ = call.timeouts->stream_idle;
  opening_->connect = call.timeouts->connect;
  Connect();
}

// To the instance that the engine picks, or where the client meant to go.
void Relay::Connect() {
  const TimePoint now = tunnels_.io_.loop.now();
  if (opening_->call.backend != nullptr) {
    Reason why = Reason::kOk;
    engine::Target* target = tunnels_.engine_.Pick(opening_->call, now, why);
    if (target == nullptr) return Close(true, why);
    opening_->attempting = true;
    if (!tunnels_.engine_.TryStream(*target)) return EndAttempt(Outcome::kLocal, Reason::kConnectionOverflow);
    counted_ = target;
    const Reason failed = Open(*target);
    if (failed != Reason::kOk) EndAttempt(connection::OutcomeOf(failed, *target), failed);
    return;
  }
  Result<std::unique_ptr<transport::Transport>> plain = transport::Connect(opening_->origin.original);
  if (!plain || !Await(std::move(*plain))) EndAttempt(Outcome::kConnectFailed, Reason::kConnectFailed);
}

Reason Relay::Open(const engine::Target& target) {
  connection::Io& io = tunnels_.io_;
  connection::Reached reached = connection::Reach(io, target);
  if (reached.transport == nullptr) return reached.reason;
  if (io.tls != nullptr && !target.application) {
    using report::Security;
    tunnels_.sink_.Secured(engine::Direction::kOutbound,
                           reached.secured ? Security::kMtls : Security::kPlain);
  }
  return Await(std::move(reached.transport)) ? Reason::kOk : Reason::kConnectFailed;
}

bool Relay::Await(std::unique_ptr<transport::Transport> transport) {
  if (!transport->Attach(tunnels_.io_.loop, server_)) return false;
  server_.transport = std::move(transport);
  server_.connecting = true;
  const Duration most = opening_->connect > Duration::zero() ? opening_->connect : idle_;
  timer_.Set(most > Duration::zero() ? tunnels_.io_.loop.now() + most : TimePoint::max());
  return true;
}

Reason Relay::Dial(engine::Target& target, const policy::Timeouts& timeouts,
                   std::function<void(Reason reason)> dialled) {
  counted_ = &target;
  idle_ = timeouts.stream_idle;
  opening_->connect = timeouts.connect;
  if (const Reason why = Open(target); why != Reason::kOk) return why;
  opening_->dialled = std::move(dialled);
  return Reason::kOk;
}

void Relay::EndDial(Reason reason) {
  const std::function<void(Reason)> dialled = std::exchange(opening_->dialled, nullptr);
  if (reason != Reason::kOk) Close(true, reason);
  dialled(reason);
}

void Relay::Join(connection::Handed client, Tunnels::Closed closed) {
  closed_ = std::move(closed);
  Began();
  opening_.reset();
  if (Take(client_, std::move(client)) && Flush(client_)) Flush(server_);
}

void Relay::Splice(connection::Handed client, connection::Handed server, engine::Target& target,
                   Duration idle, Tunnels::Closed closed) {
  closed_ = std::move(closed);
  idle_ = idle;
  counted_ = &target;
  opening_.reset();
  Began();
  if (!Take(server_, std::move(server)) || !Take(client_, std::move(client))) return;
  if (Flush(client_)) Flush(server_);
}

void Relay::Connected(int error) {
  server_.connecting = false;
  const bool dial = opening_->dialled != nullptr;
  const Reason of_tls = server_.transport->failure();
  const Reason why = of_tls == Reason::kOk ? Reason::kConnectFailed : of_tls;
  if (dial && error != 0) return EndDial(why);
  if (error != 0) return EndAttempt(Outcome::kConnectFailed, why);
  if (!Introduce()) return;
  if (dial) return EndDial(Reason::kOk);
  const TimePoint now = tunnels_.io_.loop.now();
  if (opening_->attempting) {
    engine::AttemptResult result;
    result.outcome = Outcome::kResponse;
    result.committed = true;
    result.head_at = now;
    tunnels_.engine_.Ended(opening_->call, result, now);
  }
  tunnels_.engine_.Finish(opening_->call, Reason::kOk, 0, now);  // the snapshot is not needed any more
  opening_.reset();
  last_progress_ = now;
  timer_.Set(idle_ > Duration::zero() ? now + idle_ : TimePoint::max());
  if (!Flush(server_)) return;
  Pump(client_);
}

// Tells the instance who the client is, where its port wants to know. False: that failed, and was handled.
bool Relay::Introduce() {
  const engine::Origin& origin = opening_->origin;
  const bool inbound = direction_ == engine::Direction::kInbound;
  const int version = inbound               ? origin.proxy_protocol
                      : counted_ != nullptr ? counted_->backend->proxy_protocol
                                            : 0;
  if (version == 0) return true;
  const net::Address to = origin.original.port != 0      ? origin.original
                          : client_.transport != nullptr ? client_.transport->local()
                                                         : server_.transport->peer();
  const std::string header = detect::WriteProxyHeader(version, origin.peer, to);
  const iovec piece{const_cast<char*>(header.data()), header.size()};
  const transport::IoResult result = server_.transport->Write(&piece, 1);
  if (result.kind == Kind::kOk && result.bytes == header.size())
    return true;  // the socket is fresh: there is room
  if (opening_->dialled != nullptr) {
    EndDial(Reason::kConnectFailed);
  } else {
    EndAttempt(Outcome::kConnectFailed, Reason::kConnectFailed);
  }
  return false;
}

void Relay::EndAttempt(Outcome outcome, Reason reason) {
  if (server_.transport != nullptr) server_.transport->Close(true);
  server_.transport.reset();
  server_.connecting = false;
  if (counted_ != nullptr) tunnels_.engine_.ReleaseStream(*std::exchange(counted_, nullptr));
  if (!std::exchange(opening_->attempting, false)) return Close(true, reason);
  engine::AttemptResult result;
  result.outcome = outcome;
  result.reason = reason;
  result.never_sent = true;
  const TimePoint now = tunnels_.io_.loop.now();
  const engine::RetryVerdict verdict = tunnels_.engine_.Ended(opening_->call, result, now);
  if (verdict.retry) return timer_.Set(now + verdict.delay);
  Close(true, reason);
}

// The sink hears of it from now on.
void Relay::Began() {
  counts_ = true;
  tunnels_.sink_.StreamBegan(direction_);
  last_progress_ = tunnels_.io_.loop.now();
  timer_.Set(idle_ > Duration::zero() ? last_progress_ + idle_ : TimePoint::max());
}

// False: closed.
bool Relay::Take(Side& side, connection::Handed handed) {
  side.transport = std::move(handed.transport);
  side.out.Append(handed.unsent);
  side.other->out.Append(handed.unread);
  side.read = handed.unread.size();
  if (side.transport->Attach(tunnels_.io_.loop, side)) return true;
  Close(true, Reason::kMemoryLimit);
  return false;
}

// --- bytes ---

void Relay::Side::OnReady(bool now_readable, bool writable) {
  if (relay.done_) return;
  if (connecting) {
    if (writable) relay.Connected(transport->connect_error());
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
    if (result.kind == Kind::kError) return Broke(from);
    if (result.kind != Kind::kOk) {
      from.readable = false;
      from.ended = result.kind == Kind::kEnd;
      return MaybeShut(from);
    }
    from.readable = from.hangup || result.bytes == asked;
    from.read += result.bytes;
    if (first_ != nullptr)
      std::exchange(first_, nullptr)(&from == &server_, {tunnels_.io_.scratch.get(), result.bytes});
    if (!Write(to, {tunnels_.io_.scratch.get(), result.bytes})) return;
  }
}

// False: closed.
bool Relay::Write(Side& to, std::string_view bytes) {
  if (to.transport != nullptr && !to.connecting && to.out.empty()) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    const transport::IoResult result = to.transport->Write(&piece, 1);
    if (result.kind == Kind::kError) {
      Broke(to);
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
      Broke(to);
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
  if (from.shut) Close(false, Reason::kOk);
}

// --- the end ---

void Relay::OnTimer(TimePoint now) {
  if (opening_ != nullptr) {
    if (opening_->dialled != nullptr) return EndDial(Reason::kConnectTimeout);
    if (server_.connecting) return EndAttempt(Outcome::kConnectTimeout, Reason::kConnectTimeout);
    return Connect();  // a retry's delay is over
  }
  if (now - last_progress_ >= idle_) return Close(false, Reason::kStreamIdle);
  timer_.Set(last_progress_ + idle_);
}

void Relay::Broke(const Side& side) {
  Close(true, &side == &client_ ? Reason::kClientClosed : Reason::kUpstreamReset);
}

void Relay::Report(Reason reason) {
  report::StreamReport report;
  report.direction = direction_;
  report.kind = kind_;
  report.reason = reason;
  report.backend = counted_ != nullptr ? counted_->backend : nullptr;
  if (opening_ != nullptr && opening_->call.backend != nullptr) report.backend = opening_->call.backend;
  report.received = client_.read;
  report.sent = server_.read;
  tunnels_.sink_.StreamEnded(report);
}

void Relay::Close(bool reset, Reason reason) {
  if (std::exchange(done_, true)) return;
  timer_.Cancel();
  if (counts_) Report(reason);
  if (opening_ != nullptr && opening_->call.number != 0) {  // the engine has heard of it
    tunnels_.engine_.Finish(opening_->call, reason, 0, tunnels_.io_.loop.now());
  }
  for (Side* side : {&client_, &server_}) {
    if (side->transport != nullptr) side->transport->Close(reset);
    side->transport.reset();
    side->out.Clear();
  }
  if (counted_ != nullptr) tunnels_.engine_.ReleaseStream(*std::exchange(counted_, nullptr));
  tunnels_.inbound_ -= direction_ == engine::Direction::kInbound;
  tunnels_.relays_.erase(this);
  if (closed_) closed_();
  tunnels_.io_.loop.Later([](void* self) { delete static_cast<Relay*>(self); }, this);
}

}  // namespace weft::tunnel
