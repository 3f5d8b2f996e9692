#pragma once
// The shape of one exchange as both sides see it, HTTP/2-shaped from the first day: head, data, trailers,
// interim heads, reset with a code, half-close in each direction, credits. Codecs of any version sit behind
// these interfaces.
//
// Credits. A sender of data is told at once how many bytes the far side took (the kernel has them) and later,
// by OnTaken, of the rest. Whoever receives data gives credit back with Consumed once the bytes went on. A
// stream holds at most kWindow unconsumed bytes per direction; its connection stops reading (HTTP/1) or
// withholds WINDOW_UPDATE (HTTP/2) beyond that.
//
// Lifetime. After OnEnd/OnTrailers nothing more arrives in that direction. After Reset() or OnReset() nothing
// at all happens on the stream. Views are valid during the call only. Thread rule: one worker. Re-entrancy: a
// call may raise events of the *other* stream, never of the same stream.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/message/head.h"

namespace weft::stream {

inline constexpr std::size_t kWindow = 64 * 1024;

enum class ResetCode : std::uint8_t {
  kCancel,    // the receiver of the message no longer wants it
  kRefused,   // not processed at all: safe to send again
  kIdentity,  // the same, because the peer did not accept our certificate
  kProtocol,  // malformed
  kInternal,
  kClosed,     // the connection went away
  kTruncated,  // the connection went away in the middle of a message
  kTooLarge,
};

// What the request side of a server connection tells the exchange after the head.
class RequestEvents {
 public:
  virtual void OnRequestData(std::string_view data) = 0;
  virtual void OnRequestTrailers(
      const message::FieldList& trailers) = 0;  // at most once, before OnRequestEnd
  virtual void OnRequestEnd() = 0;
  virtual void OnResponseTaken(std::size_t bytes) = 0;
  virtual void OnClientReset(ResetCode code) = 0;  // also when the client's connection closes

 protected:
  ~RequestEvents() = default;
};

// What an exchange can do to the client's side.
class ServerStream {
 public:
  virtual void SendInterim(const message::ResponseHead& head) = 0;  // 1xx
  // False: too large, nothing was sent.
  virtual bool SendHead(const message::ResponseHead& head, message::Body body) = 0;
  virtual std::size_t SendData(std::string_view data) = 0;  // bytes taken at once
  virtual void SendTrailers(const message::FieldList& trailers) = 0;
  virtual void SendEnd() = 0;
  virtual void Consumed(std::size_t bytes) = 0;
  // No other request on this connection after this one: before SendHead. HTTP/1 closes it, HTTP/2 if it is
  // one too many of its address.
  virtual void CloseAfter() = 0;
  // Cuts the response short; HTTP/1 closes the connection.
  virtual void Reset(ResetCode code) = 0;
  virtual bool multiplexed() const { return false; }  // its connection carries others
  // False: the client allows no data now. An answer of our own does without a body then.
  virtual bool TakesBody() const { return true; }

 protected:
  ~ServerStream() = default;
};

// What an upstream connection tells the attempt.
class ResponseEvents {
 public:
  virtual void OnInterim(message::ResponseHead& head) = 0;
  virtual void OnResponseHead(message::ResponseHead& head, message::Body body) = 0;
  virtual void OnResponseData(std::string_view data) = 0;
  virtual void OnResponseTrailers(const message::FieldList& trailers) = 0;
  virtual void OnResponseEnd() = 0;
  virtual void OnRequestTaken(std::size_t bytes) = 0;
  virtual void OnUpstreamReset(ResetCode code) = 0;

 protected:
  ~ResponseEvents() = default;
};

// What an attempt can do to the upstream's side.
class ClientStream {
 public:
  // Once, before anything else; `events` hears of the answer until its end or a reset.
  virtual void Begin(ResponseEvents& events, message::Method method) = 0;
  // Until the end of OnResponseHead: nobody wants the answer, or the rest of it. What carries the stream
  // stays usable where it can.
  virtual void Abandon() = 0;
  // In OnResponseHead: `events` hears of the rest.
  virtual void Redirect(ResponseEvents& events) = 0;
  // False: too large, nothing was sent.
  virtual bool SendHead(const message::RequestHead& head, message::Body body) = 0;
  virtual std::size_t SendData(std::string_view data) = 0;
  virtual void SendTrailers(const message::FieldList& trailers) = 0;
  virtual void SendEnd() = 0;
  virtual void Consumed(std::size_t bytes) = 0;
  virtual void Reset(ResetCode code) = 0;
  // Whether the kernel accepted any byte of this request: decides what may be sent again. What the peer says
  // it did not process (kRefused) may be, too.
  virtual bool AnyByteSent() const = 0;
  virtual bool multiplexed() const { return false; }  // its connection carries others

 protected:
  ~ClientStream() = default;
};

}  // namespace weft::stream
