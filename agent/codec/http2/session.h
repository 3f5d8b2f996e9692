#pragma once
// One HTTP/2 connection as bytes in, events out, frames out; RFC 9113. nghttp2 does framing, HPACK, stream
// states and message rules behind this interface, nothing of it shows outside this folder. No sockets, no
// clocks.
//
// Flow control. Nothing is credited by itself: a stream's credit comes back with Consumed, when its bytes
// went on; the connection's at once on receipt, so one slow stream stalls no other. What is sent is taken
// from Stream::out while the peer's windows and the sink have room; OnTaken tells of it. Bounds. Heads larger
// than the limits are decoded (HPACK needs it) and reported as too large; several times that, or a peer that
// makes work and no progress (control frames, resets, faulty frames), ends the connection with GOAWAY
// ENHANCE_YOUR_CALM.
//
// Extended CONNECT (RFC 8441) comes and goes as a head of HTTP/1.1 would say it: `upgrade`, a field Upgrade
// with the protocol, GET; a server's 101 is a 200 on the wire. What follows is DATA in both directions.
//
// Re-entrancy. Events come from Receive and Send only. Submitting, resetting and crediting from an event is
// allowed, Receive and Send are not, of no session with the same Heads. The session must outlive the event
// that it raises.
// Thread rule: one worker.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/buffer/byte_queue.h"
#include "agent/codec/http2/budget.h"
#include "common/message/head.h"
#include "common/reason/reason.h"
#include "common/time/time.h"

namespace weft::http2 {

enum class Role : std::uint8_t { kServer, kClient };

// Error codes of RFC 9113 section 7.
enum class ErrorCode : std::uint32_t {
  kNone = 0,
  kProtocol = 1,
  kInternal = 2,
  kFlowControl = 3,
  kRefused = 7,
  kCancel = 8,
  kEnhanceYourCalm = 11,
};

struct Limits {
  std::size_t head_bytes =
      64 * 1024;                // names, values and 32 for each field, as SETTINGS_MAX_HEADER_LIST_SIZE
  std::size_t fields = 128;     // at most message::kMaxFields - 32
  std::uint32_t streams = 256;  // server: at once
  std::uint32_t stream_window = 64 * 1024;
  std::uint32_t connection_window = 1024 * 1024;
};

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// The codec's part of a stream; whoever carries the message derives from it. Lives until OnClosed.
struct Stream {
  explicit Stream(buffer::Slab& slab) : out(slab) {}
  std::int32_t id = 0;          // zero: not on the wire
  buffer::ByteQueue out;        // DATA to come
  std::string tail;             // to follow it, as `name: value` CRLF
  bool to_head = false;         // client: the request's method is HEAD
  bool end = false;             // nothing more comes behind `out` and `tail`
  bool waiting = false;         // the session waits for Resume
  bool send_ended = false;      // END_STREAM is on its way
  bool receive_ended = false;   // the peer's END_STREAM came
  bool head_received = false;   // of the message; a later one is trailers
  std::uint64_t sent_from = 0;  // Session::framed before its first frame
  bool framed = false;          // its head is among the bytes that Send gave
  std::size_t place = 0;        // in its owner's list

  void Renew() {  // as if it were new
    out.Clear();
    tail.clear();
    id = 0;
    sent_from = 0;
    end = waiting = send_ended = receive_ended = head_received = framed = to_head = false;
  }
};

class Events {
 public:
  // Server: a new stream for a request whose head is complete; `raw` is the text its views point into, both
  // are gone when this returns. The stream is opened by Session::Adopt, or reset when it was not.
  virtual void OnRequest(std::int32_t id, message::RequestHead& head, std::string_view raw,
                         message::Body body) = 0;
  // Server: the same with a head that cannot be served: kHeadTooLarge or kUriTooLong.
  virtual void OnBadRequest(std::int32_t id, Reason reason) = 0;
  virtual void OnResponse(Stream& stream, message::ResponseHead& head, message::Body body) = 0;  // also 1xx
  virtual void OnData(Stream& stream, std::string_view data) = 0;
  virtual void OnTrailers(Stream& stream, const message::FieldList& trailers) = 0;
  virtual void OnEnd(Stream& stream) = 0;  // of the peer's message
  virtual void OnTaken(Stream& stream, std::size_t bytes) = 0;
  virtual void OnSendEnded(Stream& stream) = 0;
  virtual void OnTooLarge(Stream& stream) = 0;  // client: the head of a response
  // Nothing more on it; the session has forgotten it. kNone: in order.
  virtual void OnClosed(Stream& stream, ErrorCode code) = 0;
  virtual void OnSettings() = 0;  // the peer's; the number of streams may have changed
  virtual void OnGoaway() = 0;    // the peer opens (server) or accepts (client) no more streams
  virtual void OnPingAck() = 0;

 protected:
  ~Events() = default;
};

// Where frames go.
class Sink {
 public:
  virtual void Write(std::string_view bytes) = 0;
  virtual std::size_t DataRoom() const = 0;  // bytes of DATA it takes now; other frames always go

 protected:
  ~Sink() = default;
};

// Where a session composes a frame while it sends.
struct FrameSpace {
  static constexpr std::size_t kBytes = 16 * 1024 + 64;
  alignas(std::max_align_t) char bytes[kBytes];
};

// What is lent for the time of an event or of Send; shared by the sessions of a worker. Without `frames` each
// session has its own.
struct Heads {
  message::RequestHead& request;
  message::ResponseHead& response;
  message::FieldList& trailers;
  FrameSpace* frames = nullptr;
};

class Session {
 public:
  Session(Role role, const Limits& limits, Heads heads, Events& events);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // False: the connection is of no more use; what Send gives (a GOAWAY) still goes out.
  bool Receive(std::string_view bytes, TimePoint now);
  void Send(Sink& sink);
  bool starved() const;   // Send stopped because the sink had no room
  bool finished() const;  // neither side has anything to say

  // --- server ---
  void Adopt(Stream& stream, std::int32_t id);  // in OnRequest and OnBadRequest
  void Interim(Stream& stream, const message::ResponseHead& head);
  // False: too large, nothing was sent. `keep_length`: an answer to HEAD or a 304 keeps its Content-Length.
  bool Respond(Stream& stream, const message::ResponseHead& head, message::Body body, bool keep_length);
  void ShutdownNotice();        // GOAWAY that still allows every stream
  void Goaway(ErrorCode code);  // with the last stream seen; those go on

  // --- client ---
  bool Request(Stream& stream, const message::RequestHead& head, message::Body body);
  enum class Answer : std::uint8_t { kUnknown, kNo, kYes };
  Answer switches() const;             // whether it takes extended CONNECT; known from its first SETTINGS on
  std::uint32_t most_streams() const;  // the peer's SETTINGS_MAX_CONCURRENT_STREAMS; 100 before it came

  // --- both ---
  static void AppendTrailers(Stream& stream, const message::FieldList& trailers);  // before `end`
  void Resume(Stream& stream);                                                     // `out` or `end` changed
  void Consumed(Stream& stream, std::size_t bytes);
  void Reset(Stream& stream, ErrorCode code);  // OnClosed follows from Send
  void ResetUnadopted(std::int32_t id, ErrorCode code);
  bool TakesData(const Stream& stream) const;  // whether the peer's windows have room
  void Ping();
  void Terminate(ErrorCode code);  // GOAWAY, and nothing more is read
  void Forget();                   // no stream of it hears any more; it is of no more use
  void Release();                  // the same, and its memory goes; not from an event
  bool in_head() const;            // part of a head came
  std::uint64_t framed() const;    // bytes that Send gave so far

  struct Impl;  // of this folder

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::http2
