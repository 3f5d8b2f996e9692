#pragma once
// What the request path tells about itself: one RequestReport per request, a few events per connection.
// `Sink` is all that exchange, pool and tunnel know of metrics and logs; reporter.h implements it. Thread
// rule: one worker.

#include <cstdint>
#include <string_view>

#include "agent/engine/backend.h"
#include "agent/engine/call.h"
#include "common/message/head.h"
#include "common/reason/reason.h"
#include "common/time/time.h"

namespace weft::report {

// Reported once per request, before Engine::Finish, whatever became of it. Texts live during the call only.
struct RequestReport {
  const engine::Call* call = nullptr;  // never null: direction, route, backend, attempts, start, peer
  Reason reason = Reason::kOk;         // as in x-weft-reason; kOk: forwarded, whatever its status
  std::uint16_t status = 0;            // sent to the client; 0: none (the log says 499 for client_closed)
  std::int8_t grpc_status = -1;        // 0 to 16; -1: not gRPC
  message::Method method = message::Method::kGet;
  std::string_view method_text;        // as it came; may be long or strange
  std::string_view authority, target;  // as they came, before rewriting
  std::string_view request_id;
  std::uint64_t request_bytes = 0;   // body bytes taken from the client
  std::uint64_t response_bytes = 0;  // body bytes sent to the client
  TimePoint first_byte;              // response head sent to the client; zero: never
  TimePoint ended;
};

// What became of the copy of a request that a RequestMirror filter asked for.
enum class MirrorResult : std::uint8_t {
  kAnswered,    // a response head came back; its status does not matter
  kFailed,      // no instance, refused by breaker or caps, connection failed, timed out
  kOverflow,    // not sent: the body is above 64 KiB, or too many copies are under way
  kIncomplete,  // not sent: the original ended before its body was whole
};

// What a stream carries: a connection that is relayed byte by byte.
enum class StreamKind : std::uint8_t {
  kTcp,
  kTls,      // passed through, found by its ClientHello
  kConnect,  // behind the 200 to a CONNECT
  kUpgrade,  // behind a 101
};

// Reported once per stream, when it is over or could not be begun.
struct StreamReport {
  engine::Direction direction = engine::Direction::kOutbound;
  StreamKind kind = StreamKind::kTcp;
  // kOk: both sides closed in order. kUpstreamReset, kClientClosed: who cut it. kStreamIdle, kShutdown: we
  // did. Else why there was none.
  Reason reason = Reason::kOk;
  engine::Backend* backend = nullptr;    // null: relayed to where it was going, which is no service
  std::uint64_t received = 0, sent = 0;  // bytes from and to the client
};

// What became of a connection to a port that declares nothing.
enum class Detection : std::uint8_t {
  kHttp,
  kTls,
  kOpaque,   // its first bytes are neither
  kSilent,   // it said nothing within the detection time: the server may speak first
  kLearned,  // not looked at: at this port the server was heard to speak first
};

// How a connection to or from another agent is protected.
enum class Security : std::uint8_t { kPlain, kMtls };

class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Request(const RequestReport& report) = 0;

  // A client's connection (HTTP or TCP) was accepted, and is gone.
  virtual void Opened(engine::Direction direction) = 0;
  virtual void Closed(engine::Direction direction) = 0;
  // Where mutual TLS is possible on our side: a connection was accepted or made, so protected.
  virtual void Secured(engine::Direction direction, Security security) = 0;
  // A handshake ended. `resumed`: a session went on. `reason`: why there is no connection; kOk: there is.
  virtual void Handshook(engine::Direction direction, bool resumed, Reason reason) = 0;
  virtual void Detected(engine::Direction direction, Detection detection) = 0;
  virtual void StreamBegan(engine::Direction direction) = 0;
  virtual void StreamEnded(const StreamReport& report) = 0;
  // The pool lent a connection. `waited`: time in the queue, zero when it was there or allowed at once.
  virtual void Lent(engine::Backend& backend, bool reused, Duration waited) = 0;
  virtual void Mirrored(const BackendKey& to, MirrorResult result) = 0;
  // The engine forgot this service port; nothing refers to it any more.
  virtual void Forgot(const BackendKey& key, engine::Direction direction) = 0;
  // At the end of a loop turn and at every tick: writes the access log, lets go of expired metrics.
  virtual void Flush(TimePoint now) = 0;
};

}  // namespace weft::report
