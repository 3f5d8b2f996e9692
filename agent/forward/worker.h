#pragma once
// One worker: a loop with its engine, pool, connections and exchanges. Thread rule: everything on the loop's
// thread, except Run (which makes the caller that thread), loop().Post and the atomics.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "agent/accept/acceptor.h"
#include "agent/accept/opening.h"
#include "agent/accept/securing.h"
#include "agent/connection/http2_server.h"
#include "agent/connection/server.h"
#include "agent/detect/client_hello.h"
#include "agent/detect/learned.h"
#include "agent/exchange/exchange.h"
#include "agent/tunnel/tunnel.h"
#include "common/net/port_range.h"

namespace weft::forward {

// One listening socket. Lives as long as the process's workers.
struct Listener {
  std::string name;  // in the ports file: "outbound", "inbound-0", "service-default/cart"
  engine::Direction direction = engine::Direction::kOutbound;
  net::Address listen;  // port 0 is replaced by the one that was bound
  bool transparent = false;
  std::optional<ServiceKey> service;  // per-service port, or the service behind an inbound listener
  // Of that service: name or number; empty: by where a transparent connection goes, else its first.
  std::string port;
  net::Address application;     // inbound without `transparent`: where our workload listens
  bool accept_proxy = false;    // connections begin with a PROXY header; others are closed
  std::uint8_t send_proxy = 0;  // inbound: 1, 2: relayed connections to the application begin with one
  std::vector<net::PortRange> opaque_ports;  // transparent: destinations relayed as they are

  bool IsOpaque(std::uint16_t to) const {
    return std::any_of(opaque_ports.begin(), opaque_ports.end(),
                       [to](const net::PortRange& range) { return range.Contains(to); });
  }
};

struct WorkerOptions {
  engine::Settings engine;
  std::uint64_t request_seed = 0;  // of request ids
  connection::ServerLimits limits;
};

// What a worker asks of the process.
struct WorkerHooks {
  // An authority or service that the snapshot lacks. `wait`: AnswerHeld follows, on this worker's loop.
  std::function<exchange::Asked(std::size_t worker, std::string_view authority, const engine::Origin& origin)>
      need;
  // The destination of a connection that no service of the snapshot has. True: AnswerAddress follows,
  // likewise.
  std::function<bool(std::size_t worker, const net::Address& address)> find;
  std::function<void(engine::WorkerDelta delta)> publish;  // every 100 ms
  detect::Learned* learned = nullptr;                      // outlives the worker; null: nothing is remembered
  const tls::Contexts* contexts = nullptr;                 // likewise; null: the agent has no identity
};

class Worker final : private connection::Requests {
 public:
  Worker(WorkerOptions options, engine::Shared& shared, decision::Recorder* recorder,
         std::unique_ptr<report::Sink> sink, WorkerHooks hooks,
         const std::vector<std::unique_ptr<Listener>>& listeners);
  ~Worker();

  void Run() { loop_.Run(); }
  loop::EventLoop& loop() { return loop_; }
  engine::Engine& engine() { return engine_; }
  report::Sink& sink() { return *sink_; }

  void Expect() { connections_.fetch_add(1, std::memory_order_relaxed); }  // before Adopt, by any thread
  void Adopt(int fd, const net::Address& peer, const Listener& on);        // any worker's accepted socket
  void Install(snapshot::SnapshotPtr snapshot);
  void Install(engine::ViewPtr view);
  void AnswerHeld(const std::string& authority);    // there is, or is not, such a service
  void RetryHeld();                                 // a configuration came
  void AnswerAddress(const net::Address& address);  // its service is in the snapshot now, or it has none
  engine::Target* Find(const BackendKey& backend, std::uint64_t instance);  // null: not known to this worker
  bool Checked(const BackendKey& backend, std::uint64_t instance, bool passed,
               Duration took);  // false: not known
  void BeginDrain();            // marks inbound responses from now on
  void CloseAll();              // what is idle closes, what runs is answered 503 `shutdown` or cut

  std::size_t connections() const { return connections_.load(std::memory_order_relaxed); }
  // In progress, streams included.
  std::size_t inbound_requests() const { return inbound_requests_.load(std::memory_order_relaxed); }
  std::size_t requests() const { return requests_.load(std::memory_order_relaxed); }

 private:
  stream::RequestEvents* Begin(stream::ServerStream& from, const engine::Origin& origin,
                               message::RequestHead& head, std::string_view raw, message::Body body) override;
  void Refuse(stream::ServerStream& from, const engine::Origin& origin, Reason reason) override;
  void Closed(connection::ServerConnection& connection) override;
  void Closed(connection::Http2Server& connection) override;
  bool Draining(const engine::Origin& origin) const override;
  void SpeaksHttp2(connection::ServerConnection& connection, std::string_view bytes) override;

  engine::Origin OriginOf(const Listener& on, int fd, const net::Address& peer);
  // A listener with a service; and, where a transparent one may lead to several ports, the workload's.
  using Place = std::pair<const Listener*, std::uint16_t>;
  void ResolvePort(const Place& place, BackendKey& key) const;
  const BackendKey& KeyOf(const Listener& on, const net::Address& original);
  bool IsOwn(const net::Address& address, const net::Ip& here) const;
  void AwaitProxyHeader(connection::Handed client, const engine::Origin& origin);
  void Open(connection::Handed client, engine::Origin origin);
  bool MayBeSecured(const engine::Origin& origin) const;
  void AwaitPeer(connection::Handed client, const engine::Origin& origin);
  void Secure(connection::Handed client, const engine::Origin& origin);
  void OpenAs(connection::Handed client, engine::Origin origin);
  void OpenKnown(connection::Handed client, engine::Origin origin);
  void Detect(connection::Handed client, const engine::Origin& origin);
  void Detected(connection::Handed client, const engine::Origin& origin, accept::Opened how,
                const detect::ClientHello& hello);
  void AwaitHello(connection::Handed client, const engine::Origin& origin);
  void RelayServerFirst(connection::Handed client, const engine::Origin& origin, bool learned);
  std::string NameOf(const engine::Origin& origin);
  void Learn(const engine::Origin& origin, detect::Speaks speaks);
  void Serve(std::unique_ptr<transport::Transport> transport, const engine::Origin& origin,
             std::string_view first);
  void ServeHttp2(std::unique_ptr<transport::Transport> transport, const engine::Origin& origin,
                  std::string_view first);
  void Relay(connection::Handed client, const engine::Origin& origin, tunnel::Stream stream);
  connection::Handed TakeSocket(stream::ServerStream& client);
  tunnel::Tunnels::Closed AtEndOf(const stream::ServerStream& client, const engine::Origin& origin);
  void Gone(const engine::Origin& origin);
  void Tick();

  loop::EventLoop loop_;
  connection::Io io_;
  std::unique_ptr<report::Sink> sink_;
  std::unique_ptr<tls::Wire> tls_;  // null: the agent has no identity
  engine::Engine engine_;
  pool::Pool pool_;
  exchange::Environment env_;
  tunnel::Tunnels tunnels_;
  WorkerHooks hooks_;
  std::size_t index_;
  connection::ServerLimits limits_;
  const std::vector<std::unique_ptr<Listener>>& listeners_;
  std::map<Place, BackendKey> fixed_;   // port 0 while the service is not known
  accept::Opening::Pending opening_;    // what they speak is not known yet
  accept::Securing::Pending securing_;  // their handshakes run
  struct Searching {
    connection::Handed client;
    engine::Origin origin;
  };
  std::unordered_map<net::Address, std::vector<Searching>> searching_;  // it is asked whose address it is
  std::unordered_set<connection::ServerConnection*> serving_;
  std::unordered_set<connection::Http2Server*> serving_http2_;
  loop::Timer tick_;
  std::atomic<std::size_t> connections_{0}, inbound_requests_{0}, requests_{0};
};

}  // namespace weft::forward
