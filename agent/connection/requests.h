#pragma once
// What the connections of clients tell the worker, whichever version of HTTP they speak. Thread rule: one
// worker.

#include <string_view>

#include "agent/codec/http1/event.h"
#include "agent/engine/call.h"
#include "agent/stream/stream.h"

namespace weft::connection {

class ServerConnection;
class Http2Server;

// Who turns requests into exchanges; outlives its connections.
class Requests {
 public:
  // `raw` are the bytes of the head, which its views point into; both are gone when this returns. Null:
  // answered.
  virtual stream::RequestEvents* Begin(stream::ServerStream& from, const engine::Origin& origin,
                                       message::RequestHead& head, std::string_view raw,
                                       message::Body body) = 0;
  // Something that is no request arrived: answer it. An HTTP/1.1 connection then closes.
  virtual void Refuse(stream::ServerStream& from, const engine::Origin& origin, Reason reason) = 0;
  // For the last time; it is deleted at the end of the turn.
  virtual void Closed(ServerConnection& connection) = 0;
  virtual void Closed(Http2Server& connection) = 0;
  // Say that no more requests should come from now on.
  virtual bool Draining(const engine::Origin& origin) const = 0;
  // The client speaks HTTP/2, `bytes` and more of it: hand over the socket.
  virtual void SpeaksHttp2(ServerConnection& connection, std::string_view bytes) = 0;

 protected:
  ~Requests() = default;
};

struct ServerLimits {
  http1::Limits head;
  Duration request_head = std::chrono::seconds(10);  // from its first byte; zero: none
  Duration idle = std::chrono::hours(1);             // between requests; zero: none
  std::uint32_t streams = 256;                       // HTTP/2: requests at once on a connection
};

}  // namespace weft::connection
