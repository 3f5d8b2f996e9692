#pragma once
// What a codec reads from and writes to: plain TCP, or TLS over it (agent/tls). Never blocks.
// Thread rule: one worker.

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "agent/loop/loop.h"
#include "common/net/address.h"
#include "common/reason/reason.h"
#include "common/result/result.h"

namespace weft::transport {

struct IoResult {
  enum class Kind : std::uint8_t {
    kOk,          // `bytes` moved; fewer than asked: no more now, a new readiness event will come
    kWouldBlock,  // nothing moved
    kEnd,         // read: the peer closed its direction cleanly
    kError,       // reset, refused, broken; `error` is errno
  };
  Kind kind = Kind::kOk;
  std::size_t bytes = 0;
  int error = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  // Registers with the loop; `handler` hears readiness until Close.
  virtual Status Attach(loop::EventLoop& loop, loop::Handler& handler) = 0;
  virtual void Detach() = 0;  // forgets the handler; another may be attached
  virtual IoResult Read(char* into, std::size_t most) = 0;
  virtual IoResult Write(const iovec* pieces, int count) = 0;
  virtual void ShutdownWrite() = 0;  // half close
  // Acknowledges what was read at once. A peer with Nagle's algorithm that writes head and body apart holds
  // the body back until then, and the kernel by itself waits up to 40 ms.
  virtual void AcknowledgeNow() = 0;
  // Forgets the handler and closes. `reset`: RST instead of FIN, for a response that must not look complete.
  virtual void Close(bool reset) = 0;

  virtual net::Address local() const = 0;
  virtual net::Address peer() const = 0;
  virtual std::string_view alpn() const { return {}; }           // empty: none was negotiated
  virtual std::string_view peer_identity() const { return {}; }  // SPIFFE id; empty: not authenticated
  // Of one that Connect started, or that TLS is made over, at its first writable event: how it went. Zero, or
  // an errno.
  virtual int connect_error() const = 0;
  virtual Reason failure() const { return Reason::kOk; }  // why TLS could not be made; kOk: it did not fail
};

// Over a connected or connecting socket, which it owns.
std::unique_ptr<Transport> PlainTransport(int fd);

// Starts a connection. The first writable event tells how it went: connect_error().
Result<std::unique_ptr<Transport>> Connect(const net::Address& to);

// Sockets, non-blocking and close-on-exec, with TCP_NODELAY where it applies.
Result<int> Listen(const net::Address& at, int backlog = 1024);
net::Address LocalAddress(int fd);
net::Address PeerAddress(int fd);
// SO_ORIGINAL_DST of a redirected connection; the local address when there is none.
net::Address OriginalDestination(int fd);

}  // namespace weft::transport
