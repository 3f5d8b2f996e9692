#pragma once
// What the exchanges of one worker work with; everything outlives them. Thread rule: one worker.

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "agent/connection/connection.h"
#include "agent/engine/engine.h"
#include "agent/pool/pool.h"
#include "agent/report/report.h"
#include "agent/tunnel/tunnel.h"

namespace weft::exchange {

class Exchange;
class Mirror;

inline constexpr std::size_t kTeePerRequest = 64 * 1024;
inline constexpr std::size_t kTeePerWorker = 16 * 1024 * 1024;
// Of all bodies of a worker that wait for a socket. HTTP/2 clients could each have 16 MiB of it.
inline constexpr std::size_t kMostBuffered = 256 * 1024 * 1024;

// What becomes of a request whose service the snapshot lacks.
struct Asked {
  bool wait = false;  // it may become known: a configuration or AnswerHeld follows
  Duration most = std::chrono::milliseconds(200);
  Reason otherwise = Reason::kUnknownService;  // the answer when it stays unknown
};

// What an attempt speaks to an instance of that port, for a request that came in that version.
inline bool SpeaksHttp2(policy::Protocol port, message::Version came) {
  switch (port) {
    case policy::Protocol::kHttp2:
    case policy::Protocol::kGrpc: return true;
    case policy::Protocol::kDetect: return came == message::Version::kHttp2;
    default: return false;
  }
}

struct Environment {
  Environment(connection::Io& i, engine::Engine& e, pool::Pool& p, report::Sink& s,
              std::uint64_t request_seed)
      : io(i), engine(e), pool(p), sink(s), seed(request_seed) {}
  connection::Io& io;
  engine::Engine& engine;
  pool::Pool& pool;
  report::Sink& sink;
  std::uint64_t seed;  // of request ids
  std::function<Asked(std::string_view authority, const engine::Origin& origin)> subscribe;
  // Transparent mode: relays the client to where it meant to go; `bytes` were read so far.
  std::function<void(stream::ServerStream& client, const engine::Origin& origin, std::string bytes)>
      pass_through;
  // CONNECT: the relay has its connection; the client's socket goes to it, after `greeting`.
  std::function<void(stream::ServerStream& client, tunnel::Relay& relay, const engine::Origin& origin,
                     std::string_view greeting)>
      join;
  // Upgrade: after the 101 the client's socket is relayed to `server`, which holds a place of `target`.
  std::function<void(stream::ServerStream& client, connection::Handed server, engine::Target& target,
                     Duration idle, const engine::Origin& origin)>
      splice;
  tunnel::Tunnels* tunnels = nullptr;
  std::vector<net::Address> outbound_listeners, inbound_listeners;  // for loops
  bool draining = false;                                            // marks inbound responses

  std::uint64_t requests = 0;                  // so far
  std::size_t active = 0, active_inbound = 0;  // exchanges
  std::size_t tee_bytes = 0;                   // of all of them
  std::vector<Mirror*> mirrors;                // under way
  std::size_t mirror_bytes = 0;                // of all of them
  std::vector<Exchange*> held;                 // wait for a configuration
  std::vector<std::unique_ptr<Exchange>> free;
  message::RequestHead outgoing;  // filled for one call to SendHead

  bool BuffersFull() const { return io.slab.lent() > kMostBuffered / buffer::kBlockBytes; }

  // Where values that have to be composed are written: all of a head and some more, each.
  std::span<char> edit_fields() { return {edit.get(), io.head_bytes + kEditMore}; }
  std::span<char> edit_target() {
    return {edit.get() + io.head_bytes + kEditMore, io.head_bytes + kEditMore};
  }
  static constexpr std::size_t kEditMore = 16 * 1024;
  std::unique_ptr<char[]> edit = std::make_unique<char[]>(2 * (io.head_bytes + kEditMore));

  // Whether it is a listener of our own in that direction: the request would come back for ever.
  bool LeadsHome(engine::Direction direction, const net::Address& to) const {
    const bool outbound = direction == engine::Direction::kOutbound;
    const std::vector<net::Address>& own = outbound ? outbound_listeners : inbound_listeners;
    return std::any_of(own.begin(), own.end(), [&](const net::Address& listener) {
      return listener.port == to.port &&
             (listener.ip == to.ip || (listener.ip.IsAny() && to.ip.IsLoopback()));
    });
  }

  // The address as text; the last one is remembered, because most requests of a worker come from the same.
  std::string_view TextOf(const net::Ip& ip) {
    if (last_ip_text_.empty() || !(ip == last_ip_)) {
      last_ip_ = ip;
      last_ip_text_ = ip.ToString();
    }
    return last_ip_text_;
  }

 private:
  net::Ip last_ip_;
  std::string last_ip_text_;
};

}  // namespace weft::exchange
