#include "agent/connection/http2_client.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace weft::connection {
namespace {

using http2::ErrorCode;
using message::Body;
using stream::ResetCode;

constexpr std::size_t kMostStreams = 1024;  // whatever the peer allows

Http2ClientStream& ClientSide(http2::Stream& stream) { return static_cast<Http2ClientStream&>(stream); }

}  // namespace

// --- a stream ---

Http2ClientStream::Http2ClientStream(Http2Client& connection)
    : http2::Stream(connection.io_.slab), connection_(connection) {}

void Http2ClientStream::Begin(stream::ResponseEvents& events, message::Method method) {
  events_ = &events;
  connects_ = switched_ = false;
  to_head = method == message::Method::kHead;
}

void Http2ClientStream::Abandon() { Reset(ResetCode::kCancel); }

bool Http2ClientStream::SendHead(const message::RequestHead& head, Body body) {
  connects_ = head.upgrade;
  has_body_ = connects_ || !body.empty();
  if (connects_) {
    const message::Field* key = head.fields.Find(kWebSocketKey);
    accept_ = key == nullptr ? AcceptText{} : AcceptOf(key->value);
  }
  if (!connection_.session_.Request(*this, head, body)) return false;
  connection_.OutputLater();
  return true;
}

std::size_t Http2ClientStream::SendData(std::string_view data) {
  if (id == 0 || !has_body_) return data.size();
  out.Append(data);
  connection_.session_.Resume(*this);
  connection_.OutputLater();
  return 0;
}

void Http2ClientStream::SendTrailers(const message::FieldList& trailers) {
  if (has_body_) http2::Session::AppendTrailers(*this, trailers);
}

void Http2ClientStream::SendEnd() {
  if (connects_ && !switched_) return;  // of the request; the tunnel goes on
  end = true;
  connection_.session_.Resume(*this);
  connection_.OutputLater();
}

void Http2ClientStream::Consumed(std::size_t bytes) {
  connection_.session_.Consumed(*this, bytes);
  connection_.OutputLater();
}

void Http2ClientStream::Reset(ResetCode code) {
  events_ = nullptr;
  out.Clear();
  if (id == 0) return connection_.Remove(*this);  // nothing of it is on the wire
  connection_.session_.Reset(*this, code == ResetCode::kCancel ? ErrorCode::kCancel : ErrorCode::kInternal);
  connection_.OutputLater();
}

// As a server of HTTP/1.1 would say it.
void Http2ClientStream::Switched(message::ResponseHead& head) {
  head.status = 101;
  head.fields.Add(message::FieldId::kUpgrade, kWebSocket);
  if (accept_.front() != '\0') head.fields.Add(kWebSocketAccept, TextOf(accept_), message::FieldId::kOther);
  tunnel_ = std::make_unique<ClientTunnel>(connection_.io_, connection_.transport(), *this);
  events_->OnResponseHead(head, {});
}

Handed Http2ClientStream::HandOver() {
  switched_ = true;
  events_ = tunnel_.get();
  return {std::move(tunnel_), {}, {}};
}

void Http2ClientStream::LeaveTunnel(bool cut) {
  if (cut) return Reset(ResetCode::kCancel);
  events_ = nullptr;
}

bool Http2ClientStream::AnyByteSent() const { return framed && connection_.bytes_written() > sent_from; }

// --- the connection ---

Http2Client::Http2Client(Io& io, std::unique_ptr<transport::Transport> transport, const http2::Limits& limits,
                         Http2Owner& owner)
    : Connection(io, std::move(transport)),
      owner_(owner),
      session_(http2::Role::kClient, limits, {io.request, io.response, io.trailers, io.frames.get()}, *this) {
}

Http2Client::~Http2Client() = default;

std::size_t Http2Client::most_streams() const {
  return std::min<std::size_t>(session_.most_streams(), kMostStreams);
}

stream::ClientStream& Http2Client::Lend() { return streams_.Open(*this); }

bool Http2Client::OnFirstWritable() {
  const int error = transport().connect_error();
  connecting_ = false;
  draining_ = error != 0;
  last_read = idle_since = io_.loop.now();
  if (error == 0) OutputLater();
  owner_.OnConnected(*this, error);
  return open();
}

void Http2Client::Drain() {
  draining_ = true;
  if (!streams_.empty() || !open()) return;
  session_.Goaway(ErrorCode::kNone);
  OutputLater();
}

void Http2Client::Close(bool reset) {
  if (!open()) return;
  draining_ = true;
  FailAll(failure() == Reason::kIdentityRefused ? ResetCode::kIdentity : ResetCode::kClosed);
  if (!open()) return;
  Destroy(reset);
  owner_.OnClosed(*this);
}

void Http2Client::Ping() {
  if (pinged_ != TimePoint::max() || !open()) return;
  pinged_ = io_.loop.now();
  session_.Ping();
  OutputLater();
}

bool Http2Client::Silent(Duration most) const {
  return pinged_ != TimePoint::max() && io_.loop.now() - pinged_ >= most;
}

// --- reading ---

std::size_t Http2Client::Room() const {
  paused_ = queued() >= kMostUnread;
  return paused_ ? 0 : kScratchBytes;
}

std::size_t Http2Client::DataRoom() const { return queued() >= kMostFramed ? 0 : kMostFramed - queued(); }

std::size_t Http2Client::Process(std::string_view bytes) {
  last_read = io_.loop.now();
  if (!session_.Receive(bytes, io_.loop.now())) draining_ = true;
  if (open()) OutputLater();
  return bytes.size();
}

void Http2Client::OnResponse(http2::Stream& stream, message::ResponseHead& head, Body body) {
  stream::ResponseEvents* events = ClientSide(stream).events_;
  if (events == nullptr) return;
  if (head.status == 101) return session_.Reset(stream, ErrorCode::kProtocol);  // RFC 9113 8.6
  if (head.status < 200)
    events->OnInterim(head);
  else if (ClientSide(stream).connects_ && head.status < 300)
    ClientSide(stream).Switched(head);
  else
    events->OnResponseHead(head, body);
}

void Http2Client::OnData(http2::Stream& stream, std::string_view data) {
  if (ClientSide(stream).tunnel_ != nullptr) return ClientSide(stream).tunnel_->Received(data);
  if (stream::ResponseEvents* events = ClientSide(stream).events_; events != nullptr)
    events->OnResponseData(data);
  else
    session_.Consumed(stream, data.size());
}

void Http2Client::OnTrailers(http2::Stream& stream, const message::FieldList& trailers) {
  if (ClientSide(stream).events_ != nullptr) ClientSide(stream).events_->OnResponseTrailers(trailers);
}

void Http2Client::OnEnd(http2::Stream& stream) {
  Http2ClientStream& ours = ClientSide(stream);
  if (ours.tunnel_ != nullptr) return ours.tunnel_->ReceivedEnd();
  if (ours.switched_ && ours.events_ != nullptr) return ours.events_->OnResponseEnd();
  stream::ResponseEvents* events = std::exchange(ours.events_, nullptr);
  // An answer before the request's end: the rest is of no use to the instance.
  if (!stream.send_ended && !(stream.end && stream.out.empty())) {
    stream.out.Clear();
    session_.Reset(stream, ErrorCode::kNone);
  }
  if (events != nullptr) events->OnResponseEnd();
}

void Http2Client::OnTaken(http2::Stream& stream, std::size_t bytes) {
  if (ClientSide(stream).events_ != nullptr) ClientSide(stream).events_->OnRequestTaken(bytes);
}

void Http2Client::OnTooLarge(http2::Stream& stream) {
  stream::ResponseEvents* events = std::exchange(ClientSide(stream).events_, nullptr);
  session_.Reset(stream, ErrorCode::kCancel);
  if (events != nullptr) events->OnUpstreamReset(ResetCode::kTooLarge);
}

void Http2Client::OnClosed(http2::Stream& stream, ErrorCode code) {
  Http2ClientStream& ours = ClientSide(stream);
  if (stream::ResponseEvents* events = std::exchange(ours.events_, nullptr); events != nullptr) {
    switch (code) {
      case ErrorCode::kRefused: events->OnUpstreamReset(ResetCode::kRefused); break;
      case ErrorCode::kProtocol: events->OnUpstreamReset(ResetCode::kProtocol); break;
      default: events->OnUpstreamReset(ResetCode::kClosed); break;
    }
  }
  Remove(ours);
}

void Http2Client::Remove(Http2ClientStream& stream) {
  stream.tunnel_.reset();
  streams_.Close(stream);
  owner_.OnReturned(*this);
  if (streams_.empty()) idle_since = io_.loop.now();
  if (failing_) return;
  if (draining_ && streams_.empty()) Drain();
  owner_.OnCapacity(*this);
}

void Http2Client::OnGoaway() {
  draining_ = true;
  owner_.OnCapacity(*this);
}

void Http2Client::FailAll(ResetCode code) {
  failing_ = true;
  session_.Forget();
  while (!streams_.empty()) {
    Http2ClientStream& stream = streams_.back();
    stream::ResponseEvents* events = std::exchange(stream.events_, nullptr);
    const bool cut = stream.head_received;
    if (events != nullptr) events->OnUpstreamReset(cut ? ResetCode::kTruncated : code);
    stream.id = 0;
    Remove(stream);
  }
  failing_ = false;
}

void Http2Client::OnEof() { Close(); }

void Http2Client::OnBroken() {
  if (connecting_) {
    connecting_ = false;
    draining_ = true;
    owner_.OnConnected(*this, ECONNRESET);
    return;
  }
  ReadRest();  // perhaps answers came before the reset
  if (open()) Close();
}

// --- writing ---

void Http2Client::OutputLater() {
  if (output_scheduled_ || !open() || connecting_) return;
  output_scheduled_ = true;
  io_.loop.Later(
      [](void* context) {
        auto* self = static_cast<Http2Client*>(context);
        self->output_scheduled_ = false;
        if (self->open()) self->Output();
      },
      this);
}

void Http2Client::Output() {
  session_.Send(*this);
  if (!open()) return;
  Flush();
  if (open() && session_.finished() && !unsent()) Close();
}

void Http2Client::OnDrained() {
  if (session_.starved() || session_.finished()) return OutputLater();
  if (std::exchange(paused_, false)) Resume();
}

}  // namespace weft::connection
