#pragma once
// What nghttp2 calls, and what a Session keeps beside it. Internal to this folder.

#include <nghttp2/nghttp2.h>

#include <utility>
#include <vector>

#include "agent/codec/http2/fields.h"
#include "agent/codec/http2/head_text.h"
#include "agent/codec/http2/session.h"

namespace weft::http2 {

// Frames that a server says without a session.
enum Said : std::uint8_t { kSaidSettings = 1, kSaidWindow = 2, kSaidAck = 4 };

struct Session::Impl {
  Impl(Role r, const Limits& l, Heads h, Events& e);
  ~Impl();

  // callbacks.cc: called by nghttp2; zero, or an error of its own.
  int BeginFrame(const nghttp2_frame_hd& frame);
  int BeginHead(const nghttp2_frame& frame);
  int Field(std::string_view name, std::string_view value);
  int Received(const nghttp2_frame& frame);
  int HeadReceived(const nghttp2_frame& frame);
  int Data(std::int32_t id, std::string_view data);
  void BeforeSend(const nghttp2_frame& frame);
  int Sent(const nghttp2_frame& frame);
  void NotSent(const nghttp2_frame& frame);
  void Invalid(const nghttp2_frame& frame);
  int Closed(std::int32_t id, std::uint32_t code);
  ssize_t Read(Stream& stream, std::size_t most, std::uint32_t& flags);
  int SendData(Stream& stream, std::string_view head, std::size_t bytes, std::size_t padding);

  // opening.h: a server makes its session when it needs one.
  nghttp2_session* Live();
  bool Waits();
  bool Feed(std::string_view bytes);
  bool WasSaid(std::string_view frame);
  void* Allocate(void* old, std::size_t bytes);
  void Free(void* memory);

  Stream* Find(std::int32_t id) const {
    if (forgotten) return nullptr;
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }
  // Zero, or what ends the callback chain because the peer used up its budget.
  int Spend(std::int64_t points);
  int Calm();
  void Request(std::int32_t id, bool ends);
  void Response(Stream& stream, bool ends);
  int Trailers(Stream& stream, std::int32_t id);
  bool Submit(Stream& stream, FieldArray& fields, message::Body body);
  bool Connect(Stream& stream, const message::RequestHead& head);
  int SubmitTrailers(Stream& stream);
  void SubmitGoaway();

  Role role;
  Limits limits;
  Heads heads;
  Events& events;
  nghttp2_session* session = nullptr;  // null: none is needed yet
  std::string early, due;              // without one: what came; what is to be sent
  bool ended = false;                  // the last of `due` is GOAWAY
  bool early_head = false;             // part of a frame or head came
  std::uint8_t said = 0;               // frames that went out already, which the session will give once more
  bool lent = false;                   // heads.frames is the session's
  HeadText head;
  std::int32_t last_opened = 0;   // server: the highest stream of a request
  std::int32_t head_stream = 0;   // whose head is being decoded; zero: none
  std::vector<Stream*> unopened;  // requests that no frame went out for
  Budget budget;
  TimePoint now{};
  Sink* sink = nullptr;  // during Send
  std::uint64_t framed = 0;
  bool forgotten = false;
  bool settled = false;  // the peer's SETTINGS came
  bool starved = false;
  std::vector<std::int32_t> hungry;  // streams whose data found no room
  std::optional<ErrorCode> goaway;   // to be sent
  bool failed = false;               // nothing more is read
  bool calm = false;                 // GOAWAY ENHANCE_YOUR_CALM is on its way
};

}  // namespace weft::http2
