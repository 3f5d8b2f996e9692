#include "agent/codec/http2/session.h"

#include <cstdlib>
#include <utility>

#include "agent/codec/http2/impl.h"
#include "agent/codec/http2/opening.h"

namespace weft::http2 {
namespace {

constexpr std::size_t kHeadGrowth = 96 * 1024;  // what mesh and filters may add to a head
constexpr std::int32_t kLastId = 1 << 30;       // a client's streams; the number has 31 bits
constexpr std::uint32_t kMostStreamsAssumed = 100;
constexpr std::size_t kMostContinuations = 16;

std::string_view Text(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

}  // namespace

// One set for all sessions. Each only finds the Impl.
struct Callbacks {
  using I = Session::Impl;
  static I& Of(void* user) { return *static_cast<I*>(user); }

  static const nghttp2_session_callbacks* All() {
    static const nghttp2_session_callbacks* const all = Make();
    return all;
  }
  static const nghttp2_option* Options() {
    static const nghttp2_option* const options = MakeOptions();
    return options;
  }

  static nghttp2_option* MakeOptions() {
    nghttp2_option* options = nullptr;
    nghttp2_option_new(&options);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_peer_max_concurrent_streams(options, kMostStreamsAssumed);
    nghttp2_option_set_max_send_header_block_length(options, 64 * 1024 + kHeadGrowth);
    nghttp2_option_set_max_continuations(options, kMostContinuations);
    nghttp2_option_set_stream_reset_rate_limit(options, 1U << 31, 1U << 31);  // Budget sees to it
    nghttp2_option_set_max_reserved_remote_streams(options, 0);
    return options;
  }

  static nghttp2_session_callbacks* Make() {
    nghttp2_session_callbacks* all = nullptr;
    nghttp2_session_callbacks_new(&all);
    nghttp2_session_callbacks_set_on_begin_frame_callback(
        all, [](nghttp2_session*, const nghttp2_frame_hd* frame, void* user) {
          return Of(user).BeginFrame(*frame);
        });
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        all,
        [](nghttp2_session*, const nghttp2_frame* frame, void* user) { return Of(user).BeginHead(*frame); });
    nghttp2_session_callbacks_set_on_header_callback2(
        all, [](nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                std::uint8_t, void* user) { return Of(user).Field(Text(name), Text(value)); });
    nghttp2_session_callbacks_set_on_invalid_header_callback2(
        all,
        [](nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*, nghttp2_rcbuf*, std::uint8_t,
           void*) -> int { return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        all,
        [](nghttp2_session*, const nghttp2_frame* frame, void* user) { return Of(user).Received(*frame); });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        all, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                void* user) {
          return Of(user).Data(id, {reinterpret_cast<const char*>(data), size});
        });
    nghttp2_session_callbacks_set_before_frame_send_callback(
        all, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          Of(user).BeforeSend(*frame);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_send_callback(
        all, [](nghttp2_session*, const nghttp2_frame* frame, void* user) { return Of(user).Sent(*frame); });
    nghttp2_session_callbacks_set_on_frame_not_send_callback(
        all, [](nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
          Of(user).NotSent(*frame);
          return 0;
        });
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
        all, [](nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
          Of(user).Invalid(*frame);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        all, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
          return Of(user).Closed(id, code);
        });
    nghttp2_session_callbacks_set_send_data_callback(
        all, [](nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t bytes,
                nghttp2_data_source* source, void* user) {
          return Of(user).SendData(*static_cast<Stream*>(source->ptr),
                                   {reinterpret_cast<const char*>(head), 9}, bytes, frame->data.padlen);
        });
    return all;
  }

  static ssize_t Read(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t most, std::uint32_t* flags,
                      nghttp2_data_source* source, void* user) {
    return Of(user).Read(*static_cast<Stream*>(source->ptr), most, *flags);
  }
};

Session::Impl::Impl(Role r, const Limits& l, Heads h, Events& e) : role(r), limits(l), heads(h), events(e) {
  if (role == Role::kClient) {
    Live();
  } else {
    due = FirstFrames(limits);
    said = kSaidSettings | kSaidWindow;
  }
}

Session::Impl::~Impl() { nghttp2_session_del(session); }

nghttp2_session* Session::Impl::Live() {
  if (session != nullptr) return session;
  nghttp2_mem memory = {
      this, [](std::size_t bytes, void* self) { return static_cast<Impl*>(self)->Allocate(nullptr, bytes); },
      [](void* at, void* self) { static_cast<Impl*>(self)->Free(at); },
      [](std::size_t count, std::size_t bytes, void*) { return std::calloc(count, bytes); },
      [](void* old, std::size_t bytes, void* self) {
        return static_cast<Impl*>(self)->Allocate(old, bytes);
      }};
  const bool client = role == Role::kClient;
  const auto make = client ? nghttp2_session_client_new3 : nghttp2_session_server_new3;
  if (make(&session, Callbacks::All(), this, Callbacks::Options(), &memory) != 0) throw std::bad_alloc();
  // Priorities stay on, though nothing here looks at them: with them off nghttp2 1.52 forgets closed streams
  // at once and no longer tells frames on them from frames on streams that never were.
  std::array<nghttp2_settings_entry, 4> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head_bytes)},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  }};
  if (client) settings[0] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), client ? 3 : 4);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.connection_window));
  if (const std::string first = std::exchange(early, {}); !first.empty()) Feed(first);
  return session;
}

Session::Session(Role role, const Limits& limits, Heads heads, Events& events)
    : impl_(std::make_unique<Impl>(role, limits, heads, events)) {}

Session::~Session() = default;

bool Session::Receive(std::string_view bytes, TimePoint now) {
  impl_->now = now;
  if (impl_->calm || impl_->failed) return false;
  if (impl_->session != nullptr) return impl_->Feed(bytes);
  impl_->early.append(bytes);
  if (impl_->Waits()) return true;
  impl_->Live();
  return !impl_->failed && !impl_->calm;
}

void Session::Send(Sink& sink) {
  if (impl_->forgotten) return;
  if (const std::string first = std::exchange(impl_->due, {}); !first.empty()) sink.Write(first);
  if (impl_->session == nullptr) return;
  if (impl_->goaway) impl_->SubmitGoaway();
  impl_->sink = &sink;
  impl_->starved = false;
  for (const std::int32_t id : std::exchange(impl_->hungry, {}))
    nghttp2_session_resume_data(impl_->session, id);
  while (true) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(impl_->session, &bytes);
    if (size <= 0) break;
    const std::string_view frame(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    if (impl_->said != 0 && impl_->WasSaid(frame)) continue;
    impl_->framed += frame.size();
    sink.Write(frame);
  }
  impl_->sink = nullptr;
}

bool Session::starved() const { return impl_->starved; }

bool Session::finished() const {
  if (impl_->session == nullptr) return impl_->ended;
  return !impl_->goaway && nghttp2_session_want_read(impl_->session) == 0 &&
         nghttp2_session_want_write(impl_->session) == 0;
}

std::uint64_t Session::framed() const { return impl_->framed; }
bool Session::in_head() const {
  return impl_->head_stream != 0 || (impl_->session == nullptr && impl_->early_head);
}

// --- messages ---

bool Session::Impl::Submit(Stream& stream, FieldArray& fields, message::Body body) {
  if (fields.bytes() > limits.head_bytes + kHeadGrowth) return false;
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = Callbacks::Read;
  const nghttp2_data_provider* data = body.empty() ? nullptr : &provider;
  if (role == Role::kServer) {
    return nghttp2_submit_response(session, stream.id, fields.data(), fields.size(), data) == 0;
  }
  stream.id = nghttp2_submit_request(session, nullptr, fields.data(), fields.size(), data, &stream);
  if (stream.id > 0) unopened.push_back(&stream);
  if (stream.id < 0) stream.id = 0;
  return stream.id > 0;
}

void Session::Adopt(Stream& stream, std::int32_t id) {
  stream.id = id;
  stream.head_received = true;
  nghttp2_session_set_stream_user_data(impl_->session, id, &stream);
}

void Session::Interim(Stream& stream, const message::ResponseHead& head) {
  if (stream.id == 0) return;
  FieldArray fields;
  const std::array<char, 3> status = {static_cast<char>('0' + head.status / 100),
                                      static_cast<char>('0' + head.status / 10 % 10),
                                      static_cast<char>('0' + head.status % 10)};
  fields.Add(":status", {status.data(), 3});
  fields.AddMessage(head.fields, {}, false);
  nghttp2_submit_headers(impl_->session, NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(), fields.size(),
                         nullptr);
}

bool Session::Respond(Stream& stream, const message::ResponseHead& head, message::Body body,
                      bool keep_length) {
  if (stream.id == 0) return true;  // the client has left; it is told soon
  FieldArray fields;
  const bool switched = head.status == 101;
  const int code = switched ? 200 : head.status;
  const std::array<char, 3> status = {static_cast<char>('0' + code / 100),
                                      static_cast<char>('0' + code / 10 % 10),
                                      static_cast<char>('0' + code % 10)};
  fields.Add(":status", {status.data(), 3});
  fields.AddMessage(head.fields, body, keep_length);
  if (switched) fields.Remove("sec-websocket-accept");
  return impl_->Submit(stream, fields, body);
}

bool Session::Request(Stream& stream, const message::RequestHead& head, message::Body body) {
  if (head.upgrade) return impl_->Connect(stream, head);
  FieldArray fields;
  fields.Add(":method", head.method_text);
  if (head.method != message::Method::kConnect) {
    fields.Add(":scheme", "http");
    fields.Add(":path", head.target);
  }
  fields.Add(":authority", head.authority);
  fields.AddMessage(head.fields, body, false);
  return impl_->Submit(stream, fields, body);
}

bool Session::Impl::Connect(Stream& stream, const message::RequestHead& request) {
  const message::Body open{message::Body::Kind::kChunked, 0};
  const message::Field* protocol = request.fields.Find(message::FieldId::kUpgrade);
  FieldArray fields;
  fields.Add(":method", "CONNECT");
  fields.Add(":protocol", protocol == nullptr ? std::string_view() : protocol->value);
  fields.Add(":scheme", "http");
  fields.Add(":path", request.target);
  fields.Add(":authority", request.authority);
  fields.AddMessage(request.fields, open, false);
  fields.Remove("sec-websocket-key");
  return Submit(stream, fields, open);
}

Session::Answer Session::switches() const {
  if (!impl_->settled) return Answer::kUnknown;
  const auto setting = NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL;
  return nghttp2_session_get_remote_settings(impl_->session, setting) == 1 ? Answer::kYes : Answer::kNo;
}

std::uint32_t Session::most_streams() const {
  if (nghttp2_session_get_next_stream_id(impl_->session) > kLastId) return 0;
  return nghttp2_session_get_remote_settings(impl_->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void Session::AppendTrailers(Stream& stream, const message::FieldList& trailers) {
  for (const message::Field& field : trailers) {
    stream.tail.append(field.name).append(": ").append(field.value).append("\r\n");
  }
}

int Session::Impl::SubmitTrailers(Stream& stream) {
  FieldArray fields;
  fields.AddLines(stream.tail);
  const int result = nghttp2_submit_trailer(session, stream.id, fields.data(), fields.size());
  stream.tail.clear();
  return result;
}

void Session::Resume(Stream& stream) {
  if (!stream.waiting || stream.id == 0) return;
  stream.waiting = false;
  nghttp2_session_resume_data(impl_->session, stream.id);
}

bool Session::TakesData(const Stream& stream) const {
  return stream.id != 0 && nghttp2_session_get_remote_window_size(impl_->session) > 0 &&
         nghttp2_session_get_stream_remote_window_size(impl_->session, stream.id) > 0;
}

void Session::Consumed(Stream& stream, std::size_t bytes) {
  if (stream.id != 0) nghttp2_session_consume_stream(impl_->session, stream.id, bytes);
}

// --- ends ---

void Session::Reset(Stream& stream, ErrorCode code) {
  if (stream.id != 0) ResetUnadopted(stream.id, code);
}

void Session::ResetUnadopted(std::int32_t id, ErrorCode code) {
  nghttp2_submit_rst_stream(impl_->session, NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(code));
}

void Session::ShutdownNotice() {
  if (!impl_->ended) nghttp2_submit_shutdown_notice(impl_->Live());
}

void Session::Goaway(ErrorCode code) {
  if (impl_->ended) return;
  impl_->Live();
  impl_->goaway = code;
}

// Not before it is sent: whoever sees its stream behind the last one repeats the request elsewhere.
void Session::Impl::SubmitGoaway() {
  const std::int32_t last = nghttp2_session_get_last_proc_stream_id(session);
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, last, static_cast<std::uint32_t>(*goaway), nullptr, 0);
  goaway.reset();
}

void Session::Terminate(ErrorCode code) {
  if (impl_->session == nullptr) {
    impl_->due += GoawayFrame(code);
    impl_->failed = impl_->ended = true;
    return;
  }
  nghttp2_session_terminate_session(impl_->session, static_cast<std::uint32_t>(code));
}

void Session::Forget() {
  impl_->forgotten = impl_->failed = true;
  impl_->unopened.clear();
}

void Session::Release() {
  Forget();
  nghttp2_session_del(std::exchange(impl_->session, nullptr));
  impl_->ended = true;
}

void Session::Ping() {
  if (!impl_->ended) nghttp2_submit_ping(impl_->Live(), NGHTTP2_FLAG_NONE, nullptr);
}

}  // namespace weft::http2
