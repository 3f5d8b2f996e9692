#include "agent/connection/http2_server.h"

#include <algorithm>
#include <utility>

namespace weft::connection {
namespace {

using http2::ErrorCode;
using message::Body;
using stream::ResetCode;

constexpr Duration kNoticeTime = std::chrono::seconds(1);  // for a client that answers no PING
constexpr Duration kPingAfter = std::chrono::seconds(60);  // of silence while streams run
constexpr Duration kPingTime = std::chrono::seconds(20);   // for its acknowledgement
constexpr Duration kLastReadTime = std::chrono::seconds(1);
constexpr Duration kLastWriteTime = std::chrono::minutes(5);

Http2ServerStream& ServerSide(http2::Stream& stream) { return static_cast<Http2ServerStream&>(stream); }

ErrorCode CodeOf(ResetCode code) {
  switch (code) {
    case ResetCode::kCancel: return ErrorCode::kCancel;
    case ResetCode::kRefused: return ErrorCode::kRefused;
    case ResetCode::kProtocol: return ErrorCode::kProtocol;
    default: return ErrorCode::kInternal;
  }
}

}  // namespace

// --- a stream ---

Http2ServerStream::Http2ServerStream(Http2Server& connection)
    : http2::Stream(connection.io_.slab), connection_(connection) {}

void Http2ServerStream::SendInterim(const message::ResponseHead& head) {
  if (head.status == 101) return;  // RFC 9113 8.6
  connection_.session_.Interim(*this, head);
  connection_.OutputLater();
}

bool Http2ServerStream::SendHead(const message::ResponseHead& head, Body body) {
  const bool connects = method_ == message::Method::kConnect && head.status / 100 == 2;
  if (tunnel_ != nullptr && (connects || head.status == 101))
    body = {Body::Kind::kChunked, 0};
  else
    tunnel_.reset();
  const bool bare = body.kind == Body::Kind::kNone;
  const bool keep_length = bare && (method_ == message::Method::kHead || head.status == 304);
  // A length of zero may be followed by trailers, which HTTP/2 alone can say.
  if (!connection_.session_.Respond(*this, head, body, keep_length)) return false;
  has_body_ = !body.empty();
  connection_.OutputLater();
  return true;
}

std::size_t Http2ServerStream::SendData(std::string_view data) {
  if (id == 0 || !has_body_) return data.size();
  out.Append(data);
  connection_.session_.Resume(*this);
  connection_.OutputLater();
  return 0;
}

void Http2ServerStream::SendTrailers(const message::FieldList& trailers) {
  if (has_body_) http2::Session::AppendTrailers(*this, trailers);
}

void Http2ServerStream::SendEnd() {
  exchange_ = nullptr;
  end = true;
  connection_.session_.Resume(*this);
  connection_.OutputLater();
}

bool Http2ServerStream::TakesBody() const { return connection_.session_.TakesData(*this); }

Handed Http2ServerStream::HandOver() {
  switched_ = true;
  exchange_ = tunnel_.get();
  return {std::move(tunnel_), {}, {}};
}

void Http2ServerStream::EndTunnel() {
  end = true;
  connection_.session_.Resume(*this);
  connection_.OutputLater();
}

void Http2ServerStream::LeaveTunnel(bool cut) {
  if (cut) return Reset(ResetCode::kCancel);
  exchange_ = nullptr;
}

void Http2ServerStream::Consumed(std::size_t bytes) {
  connection_.session_.Consumed(*this, bytes);
  connection_.OutputLater();
}

// What is wrong with one request is none of the others' business.
void Http2ServerStream::CloseAfter() {
  if (connection_.origin_.place == engine::Place::kRefused) connection_.CloseSoon();
}

void Http2ServerStream::Reset(ResetCode code) {
  exchange_ = nullptr;
  out.Clear();
  connection_.session_.Reset(*this, CodeOf(code));
  connection_.OutputLater();
}

// --- the connection ---

Http2Server::Http2Server(Io& io, std::unique_ptr<transport::Transport> transport,
                         const engine::Origin& origin, const ServerLimits& limits, Requests& requests)
    : Connection(io, std::move(transport)),
      origin_(origin),
      limits_(limits),
      requests_(requests),
      session_(http2::Role::kServer,
               {limits.head.head_bytes, limits.head.fields, limits.streams, stream::kWindow},
               {io.request, io.response, io.trailers, io.frames.get()}, *this) {
  timer_.Bind(
      io.loop.timers(), [](void* self, TimePoint) { static_cast<Http2Server*>(self)->OnTimer(); }, this);
}

Http2Server::~Http2Server() = default;

Status Http2Server::Start(std::string_view first) {
  const Status attached = Attach();
  if (!attached) return attached;
  last_read_ = io_.loop.now();
  head_since_ = TimePoint::max();
  SetTimer();
  OutputLater();
  if (requests_.Draining(origin_)) Drain();
  Preload(first);
  return {};
}

std::vector<stream::RequestEvents*> Http2Server::exchanges() const {
  std::vector<stream::RequestEvents*> all;
  for (const auto& each : streams_.all()) {
    if (each->exchange_ != nullptr && !each->switched_) all.push_back(each->exchange_);
  }
  return all;
}

// --- reading ---

std::size_t Http2Server::Room() const {
  paused_ = queued() >= kMostUnread;
  return paused_ ? 0 : kScratchBytes;
}

std::size_t Http2Server::DataRoom() const { return queued() >= kMostFramed ? 0 : kMostFramed - queued(); }

std::size_t Http2Server::Process(std::string_view bytes) {
  if (lingering_) return bytes.size();
  last_read_ = io_.loop.now();
  pinged_ = false;
  session_.Receive(bytes, io_.loop.now());
  if (!open()) return bytes.size();
  OutputLater();
  if (!session_.in_head()) {
    head_since_ = TimePoint::max();
  } else if (head_since_ == TimePoint::max()) {
    head_since_ = last_read_;
    if (limits_.request_head > Duration::zero()) timer_.Set(last_read_ + limits_.request_head);
  }
  return bytes.size();
}

Http2ServerStream& Http2Server::Open(std::int32_t id) {
  Http2ServerStream& stream = streams_.Open(*this);
  session_.Adopt(stream, id);
  return stream;
}

void Http2Server::OnRequest(std::int32_t id, message::RequestHead& head, std::string_view raw, Body body) {
  if (!open()) return;
  if (drained_ == Drained::kRefusing) return session_.ResetUnadopted(id, ErrorCode::kRefused);
  Http2ServerStream& stream = Open(id);
  stream.method_ = head.method;
  stream.switched_ = false;
  stream.connects_ = head.upgrade || head.method == message::Method::kConnect;
  stream.tunnel_ = stream.connects_ ? std::make_unique<ServerTunnel>(io_, transport(), stream) : nullptr;
  stream::RequestEvents* exchange = requests_.Begin(stream, origin_, head, raw, body);
  if (!stream.end && stream.id != 0) stream.exchange_ = exchange;  // else it has answered already
  if (stream.connects_ && stream.exchange_ != nullptr) stream.exchange_->OnRequestEnd();
  if (streams_.size() == 1) SetTimer();
}

void Http2Server::OnBadRequest(std::int32_t id, Reason reason) {
  if (!open()) return;
  requests_.Refuse(Open(id), origin_, reason);
}

void Http2Server::OnData(http2::Stream& stream, std::string_view data) {
  Http2ServerStream& ours = ServerSide(stream);
  if (ours.tunnel_ != nullptr) return ours.tunnel_->Received(data);
  if (ours.exchange_ != nullptr && ours.carries()) return ours.exchange_->OnRequestData(data);
  session_.Consumed(stream, data.size());
}

void Http2Server::OnTrailers(http2::Stream& stream, const message::FieldList& trailers) {
  const Http2ServerStream& ours = ServerSide(stream);
  if (ours.exchange_ != nullptr && ours.carries()) ours.exchange_->OnRequestTrailers(trailers);
}

void Http2Server::OnEnd(http2::Stream& stream) {
  Http2ServerStream& ours = ServerSide(stream);
  if (ours.tunnel_ != nullptr) return ours.tunnel_->ReceivedEnd();
  if (ours.exchange_ != nullptr && ours.carries()) ours.exchange_->OnRequestEnd();
}

void Http2Server::OnTaken(http2::Stream& stream, std::size_t bytes) {
  if (ServerSide(stream).exchange_ != nullptr) ServerSide(stream).exchange_->OnResponseTaken(bytes);
}

// The answer is out before the request was: the rest is of no use (RFC 9113 8.1).
void Http2Server::OnSendEnded(http2::Stream& stream) {
  if (!stream.receive_ended && !ServerSide(stream).switched_) session_.Reset(stream, ErrorCode::kNone);
}

void Http2Server::OnClosed(http2::Stream& stream, ErrorCode code) {
  Http2ServerStream& ours = ServerSide(stream);
  if (stream::RequestEvents* exchange = std::exchange(ours.exchange_, nullptr); exchange != nullptr)
    exchange->OnClientReset(code == ErrorCode::kProtocol ? ResetCode::kProtocol : ResetCode::kCancel);
  ours.tunnel_.reset();
  streams_.Close(ours);
  if (streams_.empty()) SetTimer();
}

void Http2Server::OnPingAck() {
  pinged_ = false;
  if (drained_ == Drained::kNoticed) FinishDrain();
}

void Http2Server::OnEof() {
  if (lingering_) return Close(false);
  OnBroken();
}

void Http2Server::OnBroken() {
  session_.Forget();
  while (open() && !streams_.empty()) {
    Http2ServerStream& stream = streams_.back();
    stream.id = 0;
    OnClosed(stream, ErrorCode::kCancel);
  }
  if (open()) Close(false);
}

// --- writing ---

void Http2Server::OutputLater() {
  if (output_scheduled_ || !open()) return;
  output_scheduled_ = true;
  io_.loop.Later(
      [](void* context) {
        auto* self = static_cast<Http2Server*>(context);
        self->output_scheduled_ = false;
        if (self->open()) self->Output();
      },
      this);
}

void Http2Server::Output() {
  session_.Send(*this);
  if (!open()) return;
  Flush();
  if (open() && !lingering_ && session_.finished()) Linger();
}

void Http2Server::OnDrained() {
  if (lingering_) {
    transport().ShutdownWrite();
    timer_.Set(io_.loop.now() + kLastReadTime);
    return;
  }
  if (session_.starved()) OutputLater();
  if (std::exchange(paused_, false)) Resume();
}

// --- the end ---

void Http2Server::Drain() {
  if (drained_ != Drained::kNo || lingering_ || !open()) return;
  drained_ = Drained::kNoticed;
  session_.ShutdownNotice();
  session_.Ping();
  timer_.Set(io_.loop.now() + kNoticeTime);
  OutputLater();
}

void Http2Server::FinishDrain() {
  if (drained_ == Drained::kRefusing || !open()) return;
  drained_ = Drained::kRefusing;
  session_.Goaway(ErrorCode::kNone);
  SetTimer();
  OutputLater();
}

void Http2Server::CloseSoon() { FinishDrain(); }

// A close with unread bytes would reset the connection and might take the last frames with it.
void Http2Server::Linger() {
  lingering_ = true;
  session_.Release();
  while (!streams_.empty()) {
    Http2ServerStream& stream = streams_.back();
    stream.id = 0;
    OnClosed(stream, ErrorCode::kCancel);
  }
  timer_.Set(io_.loop.now() + kLastWriteTime);
  if (!unsent()) OnDrained();
}

void Http2Server::SetTimer() {
  if (drained_ == Drained::kNoticed || lingering_) return;  // it has one
  TimePoint due = TimePoint::max();
  if (!streams_.empty())
    due = last_read_ + (pinged_ ? kPingAfter + kPingTime : kPingAfter);
  else if (limits_.idle > Duration::zero())
    due = last_read_ + limits_.idle;
  if (head_since_ != TimePoint::max() && limits_.request_head > Duration::zero())
    due = std::min(due, head_since_ + limits_.request_head);
  timer_.Set(due);
}

void Http2Server::OnTimer() {
  const TimePoint now = io_.loop.now();
  if (lingering_) return Close(false);
  if (drained_ == Drained::kNoticed) return FinishDrain();
  const Duration silent = now - last_read_;
  const bool slow_head = head_since_ != TimePoint::max() && limits_.request_head > Duration::zero() &&
                         now - head_since_ >= limits_.request_head;
  const bool idle = streams_.empty() && limits_.idle > Duration::zero() && silent >= limits_.idle;
  if (slow_head || idle) {
    session_.Terminate(slow_head ? ErrorCode::kEnhanceYourCalm : ErrorCode::kNone);
    return OutputLater();
  }
  if (!streams_.empty() && pinged_ && silent >= kPingAfter + kPingTime) return OnBroken();
  if (!streams_.empty() && !pinged_ && silent >= kPingAfter) {
    pinged_ = true;
    session_.Ping();
    OutputLater();
  }
  SetTimer();
}

void Http2Server::Close(bool reset) {
  timer_.Cancel();
  requests_.Closed(*this);
  Destroy(reset);
}

}  // namespace weft::connection
