#include "agent/connection/client.h"

#include <algorithm>
#include <utility>

#include "agent/codec/http1/encoder.h"

namespace weft::connection {

using http1::Event;
using message::Body;
using stream::ResetCode;

namespace {
constexpr std::size_t kMostAbandoned = 64 * 1024;  // of an answer nobody wants
}

ClientConnection::ClientConnection(Io& io, std::unique_ptr<transport::Transport> transport,
                                   http1::Limits limits, ClientOwner& owner)
    : Connection(io, std::move(transport)), owner_(owner), decoder_(limits) {}

void ClientConnection::Begin(stream::ResponseEvents& events, message::Method method) {
  state_ = State::kBusy;
  events_ = &events;
  request_ended_ = response_ended_ = head_seen_ = false;
  unconsumed_ = 0;
  written_before_ = bytes_written();
  ++requests_;
  decoder_.Expect(method);
}

bool ClientConnection::OnFirstWritable() {
  const int error = transport().connect_error();
  if (error == 0) state_ = State::kIdle;
  owner_.OnConnected(*this, error);
  return open();
}

void ClientConnection::Close(bool reset) {
  if (!open()) return;
  events_ = nullptr;
  Destroy(reset);  // before its place under the cap is given to another
  owner_.OnClosed(*this);
}

Handed ClientConnection::HandOver() {
  events_ = nullptr;
  return Release();
}

void ClientConnection::Abandon() {
  if (!request_ended_ || unsent() || (head_seen_ && !WorthKeeping())) return Close(true);
  discard_.bytes = 0;
  events_ = &discard_;
  idle_since = io_.loop.now();
}

bool ClientConnection::WorthKeeping() const {
  const Body body = decoder_.body();
  return reusable_ && body.kind != Body::Kind::kUntilClose &&
         (body.kind != Body::Kind::kLength || body.length <= kMostAbandoned);
}

void ClientConnection::Discard::OnResponseHead(message::ResponseHead&, Body) {
  if (!connection.WorthKeeping()) connection.Close(true);
}

void ClientConnection::Discard::OnResponseData(std::string_view data) {
  bytes += data.size();
  if (bytes > kMostAbandoned) return connection.Close(true);
  connection.Consumed(data.size());
}

// --- the answer ---

std::size_t ClientConnection::Room() const {
  if (decoder_.switched()) return 0;  // what follows is for whoever takes the socket
  return unconsumed_ >= stream::kWindow ? 0 : stream::kWindow - unconsumed_;
}

std::size_t ClientConnection::Process(std::string_view bytes) {
  if (!busy()) {  // nobody asked for these
    Close();
    return bytes.size();
  }
  std::size_t used = 0;
  while (open() && busy() && !response_ended_) {
    const Event event = decoder_.Next(bytes.substr(used), io_.response, io_.trailers);
    used += event.consumed;
    if (!Dispatch(event)) break;
  }
  if (!open()) return used;
  if (!response_ended_) {
    if (head_seen_ && bytes.size() < kShortRead) transport().AcknowledgeNow();
    return used;
  }
  if (used < bytes.size()) reusable_ = false;  // bytes behind the end of an answer
  EndResponse();
  return bytes.size();
}

bool ClientConnection::Dispatch(const Event& event) {
  switch (event.kind) {
    case Event::Kind::kNeedMore: return false;
    case Event::Kind::kHead:
      if (decoder_.interim()) {
        events_->OnInterim(io_.response);
        return true;
      }
      reusable_ = decoder_.keep_alive();
      head_seen_ = true;
      keep_alive_seconds_ = decoder_.keep_alive_seconds();
      events_->OnResponseHead(io_.response, decoder_.body());
      return !decoder_.switched();
    case Event::Kind::kData:
      unconsumed_ += event.data.size();
      events_->OnResponseData(event.data);
      return true;
    case Event::Kind::kTrailers: events_->OnResponseTrailers(io_.trailers); return true;
    case Event::Kind::kEnd: response_ended_ = true; return false;
    case Event::Kind::kError:
      Fail(event.reason == Reason::kUpstreamHeadTooLarge ? ResetCode::kTooLarge : ResetCode::kProtocol);
      return false;
  }
  return false;
}

void ClientConnection::EndResponse() {
  const bool reusable = reusable_ && request_ended_ && !unsent();
  std::exchange(events_, nullptr)->OnResponseEnd();
  if (!open()) return;
  if (!reusable) return Close();
  state_ = State::kIdle;
  owner_.OnIdle(*this);
}

void ClientConnection::OnEof() {
  if (!busy()) return Close();
  const Event event = decoder_.OnEof();
  if (event.kind == Event::Kind::kEnd) {
    reusable_ = false;
    response_ended_ = true;
    std::exchange(events_, nullptr)->OnResponseEnd();
    return Close();
  }
  Fail(event.reason == Reason::kUpstreamTruncated ? ResetCode::kTruncated : ResetCode::kClosed);
}

void ClientConnection::OnBroken() {
  if (connecting()) {
    owner_.OnConnected(*this, ECONNRESET);
    return;
  }
  ReadRest();  // perhaps the answer came before the reset
  if (!open()) return;
  if (!busy()) return Close();
  if (failure() == Reason::kIdentityRefused && !head_seen_) return Fail(ResetCode::kIdentity);
  Fail(decoder_.OnEof().reason == Reason::kUpstreamTruncated ? ResetCode::kTruncated : ResetCode::kClosed);
}

void ClientConnection::Fail(ResetCode code) {
  stream::ResponseEvents* events = std::exchange(events_, nullptr);
  if (events != nullptr) events->OnUpstreamReset(code);
  Close();
}

void ClientConnection::Consumed(std::size_t bytes) {
  const bool was_full = unconsumed_ >= stream::kWindow;
  unconsumed_ -= std::min(bytes, unconsumed_);
  if (was_full && unconsumed_ < stream::kWindow) Resume();
}

void ClientConnection::OnTaken(std::size_t payload) {
  if (busy()) events_->OnRequestTaken(payload);
}

// --- the request ---

bool ClientConnection::SendHead(const message::RequestHead& head, Body body) {
  request_body_ = body;
  if (head.upgrade) decoder_.ExpectUpgrade();
  return QueueEncoded([&](std::span<char> out) { return http1::EncodeRequestHead(head, body, out); });
}

std::size_t ClientConnection::SendData(std::string_view data) {
  if (request_body_.kind != Body::Kind::kChunked) return Send({}, data, {});
  const http1::ChunkHead chunk = http1::EncodeChunkHead(data.size());
  return Send(chunk.view(), data, http1::kChunkEnd);
}

void ClientConnection::SendTrailers(const message::FieldList& trailers) {
  if (request_body_.kind != Body::Kind::kChunked) return;
  QueueEncoded([&](std::span<char> out) { return http1::EncodeTrailers(trailers, out); });
  request_body_.kind = Body::Kind::kNone;
}

void ClientConnection::SendEnd() {
  if (request_body_.kind == Body::Kind::kChunked) Queue(http1::kLastChunk);
  request_ended_ = true;
}

void ClientConnection::Reset(ResetCode) { Close(true); }

}  // namespace weft::connection
