#include <algorithm>

#include "agent/codec/http1/lines.h"
#include "agent/codec/http2/impl.h"

namespace weft::http2 {
namespace {

using message::Body;
using message::FieldId;
using Pseudo = HeadText::Pseudo;

constexpr std::size_t kBombFactor = 4;    // times the limit of a head: more is no mistake
constexpr std::size_t kSubstantial = 64;  // bytes of data that count as progress
constexpr std::size_t kMostTarget = 32 * 1024;

Body RequestBody(const message::RequestHead& head, bool ends) {
  const bool may_have = head.method == message::Method::kPost || head.method == message::Method::kPut ||
                        head.method == message::Method::kPatch;
  if (ends) return may_have ? Body{Body::Kind::kLength, 0} : Body{};
  return {Body::Kind::kChunked, 0};
}

// nghttp2 has refused what is no number, and counts the bytes that come.
Body WithLength(Body body, const message::FieldList& fields) {
  const message::Field* field = fields.Find(FieldId::kContentLength);
  std::uint64_t length = 0;
  if (body.kind != Body::Kind::kChunked || field == nullptr) return body;
  if (!http1::ParseLength(field->value, length) || length == 0) return body;  // trailers may follow
  return {Body::Kind::kLength, length};
}

// Toward HTTP/1.1 a response that names no length would have no end.
Body ResponseBody(const Stream& stream, const message::ResponseHead& head, bool ends) {
  if (!ends) return WithLength({Body::Kind::kChunked, 0}, head.fields);
  const bool bare = stream.to_head || head.status < 200 || head.status == 204 || head.status == 304;
  return bare ? Body{} : Body{Body::Kind::kLength, 0};
}

bool IsTarget(std::string_view path, message::Method method) {
  if (path == "*") return method == message::Method::kOptions;
  return !path.empty() && path.front() == '/' && http1::IsTargetText(path);
}

}  // namespace

int Session::Impl::Spend(std::int64_t points) { return budget.Spend(points, now) ? 0 : Calm(); }

int Session::Impl::Calm() {
  if (!calm) nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
  calm = true;
  return 0;
}

int Session::Impl::BeginFrame(const nghttp2_frame_hd& frame) {
  if (frame.type == NGHTTP2_HEADERS) {
    const std::int32_t id = frame.stream_id;
    const bool old = role == Role::kServer && id % 2 == 1 && id < last_opened;
    // nghttp2 passes over a stream that never was; it keeps those that were.
    if (old && nghttp2_session_find_stream(session, id) == nullptr)
      nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
    return 0;
  }
  if (frame.type == NGHTTP2_CONTINUATION) return 0;
  if (frame.type == NGHTTP2_DATA) {
    const bool empty = frame.length == 0 && (frame.flags & NGHTTP2_FLAG_END_STREAM) == 0;
    return empty ? Spend(Budget::kControl) : 0;
  }
  if ((frame.flags & NGHTTP2_FLAG_ACK) != 0 && (frame.type == NGHTTP2_SETTINGS || frame.type == NGHTTP2_PING))
    return 0;
  return Spend(Budget::kControl);
}

int Session::Impl::BeginHead(const nghttp2_frame& frame) {
  head_stream = frame.hd.stream_id;
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) last_opened = std::max(last_opened, head_stream);
  head.Begin(limits.head_bytes, limits.fields);
  return 0;
}

int Session::Impl::Field(std::string_view name, std::string_view value) {
  head.Add(name, value);
  return head.decoded() > limits.head_bytes * kBombFactor ? Calm() : 0;
}

int Session::Impl::Received(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS: return HeadReceived(frame);
    case NGHTTP2_DATA: {
      Stream* stream = Find(frame.hd.stream_id);
      if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 || stream == nullptr) return 0;
      stream->receive_ended = true;
      events.OnEnd(*stream);
      return 0;
    }
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) return 0;
      settled = true;
      events.OnSettings();
      return 0;
    case NGHTTP2_GOAWAY: events.OnGoaway(); return 0;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) events.OnPingAck();
      return 0;
    case NGHTTP2_RST_STREAM: {
      const Stream* stream = Find(frame.hd.stream_id);
      return stream != nullptr && !stream->send_ended && role == Role::kServer ? Spend(Budget::kReset) : 0;
    }
    default: return 0;
  }
}

int Session::Impl::HeadReceived(const nghttp2_frame& frame) {
  const std::int32_t id = std::exchange(head_stream, 0);
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  Stream* stream = Find(id);
  int result = 0;
  if (role == Role::kServer && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    Request(id, ends);
    stream = Find(id);
  } else if (stream == nullptr) {
    return 0;  // of one that we gave up
  } else if (stream->head_received) {
    result = Trailers(*stream, id);
  } else {
    Response(*stream, ends);
  }
  head.Forget();
  if (!ends || result != 0) return result;
  stream = Find(id);  // an event may have let it go
  if (stream == nullptr || stream->receive_ended) return 0;
  stream->receive_ended = true;
  events.OnEnd(*stream);
  return 0;
}

void Session::Impl::Request(std::int32_t id, bool ends) {
  if (calm || forgotten) return;
  if (head.too_large()) return events.OnBadRequest(id, Reason::kHeadTooLarge);
  message::RequestHead& out = heads.request;
  const bool extended = head.has(Pseudo::kProtocol);  // nghttp2 has seen to it that the method is CONNECT
  if (extended) head.Add("upgrade", std::string(head.pseudo(Pseudo::kProtocol)));
  const bool agrees = head.Fields(out.fields, out.authority);
  out.version = message::Version::kHttp2;
  out.upgrade = extended;
  out.method_text = extended ? std::string_view("GET") : head.pseudo(Pseudo::kMethod);
  out.method = message::ParseMethod(out.method_text);
  out.scheme = "http";
  out.target = head.pseudo(Pseudo::kPath);
  const bool connect = out.method == message::Method::kConnect;
  const bool whole = agrees && http1::IsAuthority(out.authority) && http1::IsToken(out.method_text) &&
                     (connect || IsTarget(out.target, out.method));
  if (!whole) {
    if (out.target.size() > kMostTarget) return events.OnBadRequest(id, Reason::kUriTooLong);
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  if (out.target.size() > kMostTarget) return events.OnBadRequest(id, Reason::kUriTooLong);
  const bool tunnel = extended || connect;  // without a body: what follows is the tunnel's
  events.OnRequest(id, out, head.text(), tunnel ? Body{} : WithLength(RequestBody(out, ends), out.fields));
}

void Session::Impl::Response(Stream& stream, bool ends) {
  if (head.too_large()) return events.OnTooLarge(stream);
  message::ResponseHead& out = heads.response;
  const std::string_view status = head.pseudo(Pseudo::kStatus);  // three digits: nghttp2 has seen to it
  out.status = (status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0');
  out.version = message::Version::kHttp2;
  out.reason_phrase = {};
  std::string_view host;
  head.Fields(out.fields, host);
  const bool interim = out.status < 200;
  stream.head_received = !interim;
  events.OnResponse(stream, out, ResponseBody(stream, out, ends || interim));
}

int Session::Impl::Trailers(Stream& stream, std::int32_t id) {
  std::string_view host;
  if (head.too_large()) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
  }
  head.Fields(heads.trailers, host);
  for (const FieldId framing : {FieldId::kContentLength, FieldId::kHost, FieldId::kTe, FieldId::kTrailer})
    heads.trailers.Remove(framing);
  if (!heads.trailers.empty()) events.OnTrailers(stream, heads.trailers);
  return 0;
}

int Session::Impl::Data(std::int32_t id, std::string_view data) {
  nghttp2_session_consume_connection(session, data.size());
  if (data.size() >= kSubstantial) budget.Earn(Budget::kProgress);
  Stream* stream = Find(id);
  if (stream == nullptr)
    nghttp2_session_consume_stream(session, id, data.size());
  else
    events.OnData(*stream, data);
  return 0;
}

void Session::Impl::BeforeSend(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS || frame.hd.stream_id == 0) return;
  Stream* stream = Find(frame.hd.stream_id);
  if (stream == nullptr || stream->framed) return;
  stream->framed = true;
  stream->sent_from = framed;
  std::erase(unopened, stream);
}

int Session::Impl::Sent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_RST_STREAM) {
    switch (frame.rst_stream.error_code) {
      case NGHTTP2_NO_ERROR:
      case NGHTTP2_CANCEL:
      case NGHTTP2_REFUSED_STREAM:
      case NGHTTP2_INTERNAL_ERROR: return 0;
      default: return Spend(Budget::kFault);
    }
  }
  const bool message = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
  if (!message || (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  budget.Earn(Budget::kProgress);
  Stream* stream = Find(frame.hd.stream_id);
  if (stream == nullptr || stream->send_ended) return 0;
  stream->send_ended = true;
  events.OnSendEnded(*stream);
  return 0;
}

// A head that nghttp2 would not frame: too large, or the peer takes no more streams.
void Session::Impl::NotSent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return;
  const auto unsent = std::find_if(unopened.begin(), unopened.end(),
                                   [&](const Stream* each) { return each->id == frame.hd.stream_id; });
  if (unsent == unopened.end()) {
    if (Find(frame.hd.stream_id) != nullptr)
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    return;
  }
  Stream& stream = **unsent;
  unopened.erase(unsent);
  nghttp2_session_set_stream_user_data(session, stream.id, nullptr);
  stream.id = 0;
  events.OnClosed(stream, ErrorCode::kRefused);
}

void Session::Impl::Invalid(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_HEADERS) head_stream = 0;
  Spend(Budget::kFault);
}

int Session::Impl::Closed(std::int32_t id, std::uint32_t code) {
  if (head_stream == id) head_stream = 0;
  Stream* stream = Find(id);
  if (stream == nullptr) return 0;
  std::erase(unopened, stream);
  stream->id = 0;
  events.OnClosed(*stream, static_cast<ErrorCode>(code));
  return 0;
}

// --- sending ---

ssize_t Session::Impl::Read(Stream& stream, std::size_t most, std::uint32_t& flags) {
  const std::size_t bytes = std::min(most, stream.out.size());
  if (sink->DataRoom() < bytes) {  // before there is a frame: none may be left when Send returns
    starved = true;
    hungry.push_back(stream.id);
    return NGHTTP2_ERR_DEFERRED;
  }
  if (bytes == stream.out.size() && stream.end) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream.tail.empty()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      if (SubmitTrailers(stream) != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
  } else if (bytes == 0) {
    stream.waiting = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (bytes > 0) flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  return static_cast<ssize_t>(bytes);
}

int Session::Impl::SendData(Stream& stream, std::string_view frame_head, std::size_t bytes, std::size_t) {
  sink->Write(frame_head);
  framed += frame_head.size() + bytes;
  for (std::size_t left = bytes; left > 0;) {
    const std::string_view piece = stream.out.Front().substr(0, left);
    sink->Write(piece);
    left -= piece.size();
    stream.out.Drop(piece.size());
  }
  if (bytes >= kSubstantial) budget.Earn(Budget::kProgress);
  events.OnTaken(stream, bytes);
  return 0;
}

}  // namespace weft::http2
