#include "agent/connection/server.h"

#include <algorithm>
#include <utility>

#include "agent/codec/http1/encoder.h"
#include "agent/codec/http2/session.h"

namespace weft::connection {
namespace {

using http1::Event;
using message::Body;

constexpr std::size_t kMostDiscarded = 64 * 1024;       // of a request whose answer is out
constexpr std::size_t kMostLingered = 4 * 1024 * 1024;  // behind an answer that closes, within kLingerTime
constexpr std::size_t kMostPipelined = 16 * 1024;       // read ahead while a response is pending
constexpr Duration kLingerTime = std::chrono::seconds(1);
constexpr Duration kSendTime = std::chrono::minutes(5);        // for the rest of an answer that closes
constexpr Duration kHalfClosedTime = std::chrono::seconds(1);  // for the head of an answer

}  // namespace

ServerConnection::ServerConnection(Io& io, std::unique_ptr<transport::Transport> transport,
                                   const engine::Origin& origin, const ServerLimits& limits,
                                   Requests& requests)
    : Connection(io, std::move(transport)),
      origin_(origin),
      limits_(limits),
      requests_(requests),
      decoder_(limits.head) {
  timer_.Bind(
      io.loop.timers(), [](void* self, TimePoint) { static_cast<ServerConnection*>(self)->OnTimer(); }, this);
}

Status ServerConnection::Start(std::string_view first) {
  const Status attached = Attach();
  if (!attached) return attached;
  if (limits_.idle > Duration::zero()) timer_.Set(io_.loop.now() + limits_.idle);
  Preload(first);
  return {};
}

// --- reading ---

std::size_t ServerConnection::Room() const {
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kDiscard:
    case Phase::kLinger: return kScratchBytes;
    case Phase::kRequest: return unconsumed_ >= stream::kWindow ? 0 : stream::kWindow - unconsumed_;
    case Phase::kResponse: return kept_bytes() >= kMostPipelined ? 0 : kMostPipelined - kept_bytes();
  }
  return 0;
}

std::size_t ServerConnection::Process(std::string_view bytes) {
  if (phase_ == Phase::kLinger) {
    Discarded(bytes.size());
    return bytes.size();
  }
  if (fresh_ && BeginsHttp2(bytes)) return 0;
  std::size_t used = 0;
  while (open() && phase_ != Phase::kResponse && phase_ != Phase::kLinger) {
    const std::string_view rest = bytes.substr(used);
    const Event event = decoder_.Next(rest, io_.request, io_.trailers);
    used += event.consumed;
    if (!Dispatch(event, rest.substr(0, event.consumed), rest.substr(event.consumed))) break;
  }
  if (open() && phase_ == Phase::kRequest && bytes.size() < kShortRead) transport().AcknowledgeNow();
  return used;
}

// True when the bytes are the preface of HTTP/2, or may become it: then they are not for us.
bool ServerConnection::BeginsHttp2(std::string_view bytes) {
  const std::size_t common = std::min(bytes.size(), http2::kPreface.size());
  if (bytes.substr(0, common) != http2::kPreface.substr(0, common)) return false;
  if (common < http2::kPreface.size()) {
    if (common > 0) AwaitHead();
    return common > 0;
  }
  requests_.SpeaksHttp2(*this, bytes);
  return true;
}

// False when there is nothing more to decode now.
bool ServerConnection::Dispatch(const Event& event, std::string_view raw, std::string_view more) {
  switch (event.kind) {
    case Event::Kind::kNeedMore:
      if (phase_ == Phase::kIdle && !more.empty()) AwaitHead();
      return false;
    case Event::Kind::kHead: Begin(raw); return true;
    case Event::Kind::kData:
      body_follows_ = true;
      if (phase_ == Phase::kDiscard) {
        Discarded(event.data.size());
      } else {
        unconsumed_ += event.data.size();
        exchange_->OnRequestData(event.data);
      }
      return true;
    case Event::Kind::kTrailers:
      if (phase_ == Phase::kRequest) exchange_->OnRequestTrailers(io_.trailers);
      return true;
    case Event::Kind::kEnd: EndOfRequest(); return true;
    case Event::Kind::kError:
      if (fresh_ && OnlyHttp2())
        requests_.SpeaksHttp2(*this, more);  // which refuses it in its own words
      else
        Fail(event.reason);
      return false;
  }
  return false;
}

// Part of a head is here: the rest must follow in time.
void ServerConnection::AwaitHead() {
  if (awaiting_head_) return;
  awaiting_head_ = true;
  if (limits_.request_head > Duration::zero()) timer_.Set(io_.loop.now() + limits_.request_head);
}

void ServerConnection::Begin(std::string_view raw) {
  timer_.Cancel();
  awaiting_head_ = fresh_ = false;
  phase_ = Phase::kRequest;
  unconsumed_ = discarded_ = 0;
  response_begun_ = body_follows_ = false;
  method_ = io_.request.method;
  old_client_ = io_.request.version == message::Version::kHttp10;
  keep_alive_ = decoder_.keep_alive();
  stream::RequestEvents* exchange = requests_.Begin(*this, origin_, io_.request, raw, decoder_.body());
  if (open() && phase_ == Phase::kRequest) exchange_ = exchange;  // else it has answered already
}

void ServerConnection::EndOfRequest() {
  if (phase_ == Phase::kDiscard) return NextRequest();
  phase_ = Phase::kResponse;
  exchange_->OnRequestEnd();
}

void ServerConnection::Fail(Reason reason) {
  keep_alive_ = false;
  if (phase_ == Phase::kDiscard) return Linger();
  if (exchange_ == nullptr) {
    phase_ = Phase::kResponse;
    response_begun_ = false;
    old_client_ = false;
    method_ = message::Method::kGet;
    requests_.Refuse(*this, origin_, reason);
    return;
  }
  std::exchange(exchange_, nullptr)->OnClientReset(stream::ResetCode::kProtocol);  // a body that is no body
  if (!open()) return;
  if (response_begun_) return Close(true);
  phase_ = Phase::kResponse;
  requests_.Refuse(*this, origin_, reason);
}

void ServerConnection::OnEof() {
  eof_seen_ = true;
  if (phase_ == Phase::kResponse) {  // it may still read; the kernel does not tell that it left
    if (!response_begun_) timer_.Set(io_.loop.now() + kHalfClosedTime);
    return;
  }
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->OnClientReset(stream::ResetCode::kTruncated);
  if (open()) Close(false);
}

void ServerConnection::OnBroken() {
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->OnClientReset(stream::ResetCode::kClosed);
  if (open()) Close(false);
}

void ServerConnection::OnTaken(std::size_t payload) {
  if (exchange_ != nullptr) exchange_->OnResponseTaken(payload);
}

void ServerConnection::Consumed(std::size_t bytes) {
  const bool was_full = unconsumed_ >= stream::kWindow;
  unconsumed_ -= std::min(bytes, unconsumed_);
  if (was_full && unconsumed_ < stream::kWindow) Resume();
}

// --- writing ---

void ServerConnection::SendInterim(const message::ResponseHead& head) {
  if (old_client_) return;  // HTTP/1.0 knows no interim responses
  body_follows_ |= head.status == 100;
  QueueEncoded([&](std::span<char> out) { return http1::EncodeResponseHead(head, {}, out); });
}

bool ServerConnection::SendHead(const message::ResponseHead& head, Body body) {
  response_body_ = body;
  if (close_soon_ || requests_.Draining(origin_) || eof_seen_) keep_alive_ = false;
  // An early answer. Closing later without having said so would take the client's next request with it.
  if (decoder_.most_left() > kMostDiscarded) keep_alive_ = false;
  // Whether a body follows that the client was not asked for is not known.
  if (phase_ == Phase::kRequest && decoder_.expects_continue() && !body_follows_) keep_alive_ = false;
  if (body.kind == Body::Kind::kUntilClose && !old_client_) response_body_.kind = Body::Kind::kChunked;
  if (body.kind == Body::Kind::kChunked && old_client_) response_body_.kind = Body::Kind::kUntilClose;
  if (response_body_.kind == Body::Kind::kUntilClose) keep_alive_ = false;
  const bool bare = body.kind == Body::Kind::kNone;
  const http1::ResponseFraming framing{response_body_, keep_alive_ && !old_client_,
                                       bare && (method_ == message::Method::kHead || head.status == 304)};
  if (!QueueEncoded([&](std::span<char> out) { return http1::EncodeResponseHead(head, framing, out); }))
    return false;
  response_begun_ = true;
  if (old_client_) keep_alive_ = false;
  return true;
}

std::size_t ServerConnection::SendData(std::string_view data) {
  if (response_body_.kind != Body::Kind::kChunked) return Send({}, data, {});
  const http1::ChunkHead chunk = http1::EncodeChunkHead(data.size());
  return Send(chunk.view(), data, http1::kChunkEnd);
}

void ServerConnection::SendTrailers(const message::FieldList& trailers) {
  if (response_body_.kind != Body::Kind::kChunked) return;  // no place for them
  QueueEncoded([&](std::span<char> out) { return http1::EncodeTrailers(trailers, out); });
  response_body_.kind = Body::Kind::kNone;  // the last chunk is out
}

void ServerConnection::SendEnd() {
  if (response_body_.kind == Body::Kind::kChunked) Queue(http1::kLastChunk);
  exchange_ = nullptr;
  if (!open()) return;
  if (phase_ == Phase::kRequest) {
    phase_ = Phase::kDiscard;  // the rest has the time of a head
    if (limits_.request_head > Duration::zero()) timer_.Set(io_.loop.now() + limits_.request_head);
    Resume();
    return;
  }
  NextRequest();
}

void ServerConnection::Reset(stream::ResetCode) {
  exchange_ = nullptr;
  Close(true);
}

// --- between requests ---

void ServerConnection::NextRequest() {
  if (!keep_alive_ || close_soon_ || eof_seen_) return Linger();
  phase_ = Phase::kIdle;
  if (limits_.idle > Duration::zero()) timer_.Set(io_.loop.now() + limits_.idle);
  Resume();
}

Handed ServerConnection::HandOver() {
  timer_.Cancel();
  exchange_ = nullptr;
  return Release();
}

void ServerConnection::CloseSoon() {
  close_soon_ = true;
  if (phase_ == Phase::kIdle && !has_kept()) Close(false);
}

void ServerConnection::Discarded(std::size_t bytes) {
  discarded_ += bytes;
  if (phase_ == Phase::kLinger) {
    if (discarded_ > kMostLingered) Close(false);
  } else if (discarded_ > kMostDiscarded) {
    Linger();
  }
}

// A close with unread bytes would reset the connection and might take the answer with it.
void ServerConnection::Linger() {
  phase_ = Phase::kLinger;
  discarded_ = 0;
  if (!unsent()) OnDrained();
  if (!open()) return;
  timer_.Set(io_.loop.now() + (unsent() ? kSendTime : kLingerTime));
  Resume();
}

void ServerConnection::OnDrained() {
  if (phase_ != Phase::kLinger) return;
  if (eof_seen_) return Close(false);
  transport().ShutdownWrite();
  timer_.Set(io_.loop.now() + kLingerTime);
}

void ServerConnection::OnTimer() {
  if (phase_ == Phase::kIdle && awaiting_head_) return Fail(Reason::kHeadTimeout);
  if (phase_ != Phase::kResponse) return Close(false);
  if (!response_begun_) OnBroken();
}

void ServerConnection::Close(bool reset) {
  timer_.Cancel();
  requests_.Closed(*this);
  Destroy(reset);
}

}  // namespace weft::connection
