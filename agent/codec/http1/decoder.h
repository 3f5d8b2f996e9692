#pragma once
// HTTP/1.1 bytes to events, strictly as RFC 9110 and RFC 9112 have it: whatever two parsers could read
// differently is refused. Pull style: the caller keeps what was not consumed and calls again with more behind
// it. Pure: no sockets, no allocation; views in a head point into the caller's bytes.
//
// Refused beyond the grammar, because implementations differ on it: bare LF, bare CR, line folding, white
// space before a colon, Content-Length with Transfer-Encoding, repeated Content-Length (also equal ones), any
// transfer coding other than exactly one `chunked`, repeated Host, fragments in targets. One empty line
// before a request is skipped. Fields that Connection names are removed here, so that nobody can name away
// what the mesh adds later. Thread rule: one worker.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/codec/http1/chunked.h"
#include "agent/codec/http1/event.h"
#include "agent/codec/http1/lines.h"
#include "common/message/head.h"
#include "common/reason/reason.h"

namespace weft::http1 {

class RequestDecoder {
 public:
  explicit RequestDecoder(Limits limits = {}) : limits_(limits) {}

  // The next event of `bytes`. kHead fills `head`; kTrailers fills `trailers`. After kEnd the next message
  // may begin; after kError nothing more can be read. kData's view is part of `bytes`.
  Event Next(std::string_view bytes, message::RequestHead& head, message::FieldList& trailers);

  // Of the head last seen.
  message::Body body() const { return body_; }
  bool keep_alive() const { return keep_alive_; }  // the client allows another request
  bool expects_continue() const { return expects_continue_; }
  bool between_messages() const { return state_ == State::kHead && scan_.at == 0; }
  // Bytes of its body still to come, at most: of a chunked one nobody can tell.
  std::uint64_t most_left() const {
    if (state_ == State::kChunked) return UINT64_MAX;
    return state_ == State::kLength ? left_ : 0;
  }

 private:
  enum class State : std::uint8_t { kHead, kLength, kChunked, kEnd, kFailed };
  Event Head(std::string_view bytes, message::RequestHead& head);
  std::size_t Whole(std::string_view bytes, message::RequestHead& head);
  Event Accept(std::size_t consumed, message::RequestHead& head);
  std::size_t MostFirstLine() const;
  Event Fail(Reason reason);
  Reason ParseRequestLine(std::string_view line, message::RequestHead& head);
  Reason ParseTarget(std::string_view target, message::RequestHead& head);
  Reason Interpret(message::RequestHead& head);
  Reason Frame(message::Version version, std::size_t lengths, std::size_t codings, bool chunked);

  Limits limits_;
  State state_ = State::kHead;
  LineScan scan_;
  bool keep_alive_ = true, expects_continue_ = false, absolute_ = false, skipped_empty_line_ = false;
  message::Body body_;
  std::uint64_t left_ = 0;
  ChunkedDecoder chunked_;
};

class ResponseDecoder {
 public:
  explicit ResponseDecoder(Limits limits = {}) : limits_(limits) {}

  // Before each request is sent: what its answer will be to.
  void Expect(message::Method method);
  void ExpectUpgrade() { may_switch_ = true; }  // after Expect: 101 is an answer, not malformed
  // As above; an interim (1xx) head is kHead with `interim()` and another head follows. All interim heads of
  // a response together may be as large as one head: they are passed on without back-pressure.
  Event Next(std::string_view bytes, message::ResponseHead& head, message::FieldList& trailers);
  // The peer closed its direction and all bytes were consumed: kEnd when that ends the message, else kError.
  Event OnEof();

  message::Body body() const { return body_; }
  bool keep_alive() const { return keep_alive_; }
  bool interim() const { return interim_; }
  bool switched() const { return state_ == State::kSwitched; }  // after a 101: nothing more is HTTP
  bool started() const { return started_; }                     // some byte of a response arrived
  std::uint32_t keep_alive_seconds() const {
    return keep_alive_seconds_;
  }  // Keep-Alive: timeout=; zero: not said

 private:
  enum class State : std::uint8_t { kHead, kLength, kChunked, kUntilClose, kEnd, kIdle, kSwitched, kFailed };
  Event Head(std::string_view bytes, message::ResponseHead& head);
  std::size_t Whole(std::string_view bytes, message::ResponseHead& head);
  Event Accept(std::size_t size, message::ResponseHead& head);
  Event Fail(Reason reason);
  bool ParseStatusLine(std::string_view line, message::ResponseHead& head);
  bool Interpret(message::ResponseHead& head);

  Limits limits_;
  State state_ = State::kIdle;
  LineScan scan_;
  message::Method method_ = message::Method::kGet;
  bool keep_alive_ = true, interim_ = false, started_ = false, may_switch_ = false;
  std::uint32_t keep_alive_seconds_ = 0;
  std::size_t interim_bytes_ = 0;
  message::Body body_;
  std::uint64_t left_ = 0;
  ChunkedDecoder chunked_;
};

}  // namespace weft::http1
