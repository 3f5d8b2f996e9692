#pragma once
// The data path of a process: binds the listeners, runs the workers, hands accepted sockets to the least
// loaded one, gives every worker each snapshot and each view. Thread rule: made, bound, started and destroyed
// by one thread; the rest may be called by any thread unless it says otherwise.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "agent/engine/aggregator.h"
#include "agent/forward/worker.h"

namespace weft::forward {

struct ForwarderOptions {
  std::size_t workers = 1;
  WorkerOptions worker;  // `engine.worker` and `engine.workers` are set for each
  std::vector<Listener> listeners;
  std::size_t max_connections = 0;         // of clients, over all workers; zero: no cap
  decision::Recorder* recorder = nullptr;  // outlives the forwarder
  // Of the agent's identity; outlives the forwarder. Null: it has none, and nothing is TLS.
  const tls::Contexts* contexts = nullptr;
  std::function<std::unique_ptr<report::Sink>(std::size_t worker)> make_sink;
  std::function<exchange::Asked(std::size_t worker, std::string_view authority, const engine::Origin& origin)>
      need;                                                                   // may be empty
  std::function<bool(std::size_t worker, const net::Address& address)> find;  // likewise
  // Worker 0's thread; both may be empty.
  std::function<void(const engine::ServiceView& view)> on_view;
  std::function<void(const engine::HealthChange& change)> on_health;
  std::function<void()> on_learned;  // any worker's thread: learned() has changed; may be empty
};

class Forwarder {
 public:
  explicit Forwarder(ForwarderOptions options);
  ~Forwarder();  // stops
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  Status Bind();  // all listeners, or an error that names the one
  void Start();   // threads; accepting begins
  // The time for finishing is over: idle clients are closed, the others get 503 `shutdown` or are cut.
  void CloseAll();
  void Stop();  // cuts what is left; idempotent

  void Install(const snapshot::SnapshotPtr& snapshot);
  // The outcome of an active check, for the workers that know the instance.
  void Checked(const BackendKey& backend, std::uint64_t instance, bool passed, Duration took);
  // Worker 0's thread: the instance's id, empty when it is gone.
  std::string NameOf(const BackendKey& backend, std::uint64_t instance) const;
  void BeginDrain();  // inbound responses are marked from now on
  // In progress, streams included, at most 100 ms old.
  std::size_t inbound_requests() const;
  std::size_t requests() const;
  std::size_t connections() const;  // of clients
  std::uint64_t refused_connections() const {
    return refused_.load(std::memory_order_relaxed);
  }  // at max_connections

  detect::Learned& learned() { return learned_; }  // what undeclared ports speak

  const std::vector<std::unique_ptr<Listener>>& listeners() const { return listeners_; }
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }

 private:
  void Accepted(int fd, const net::Address& peer, const Listener& on);
  void OfferCheck(std::size_t to, const BackendKey& backend, std::uint64_t instance, bool passed,
                  Duration took);
  void Absorb(const engine::WorkerDelta& delta);

  ForwarderOptions options_;
  engine::Shared shared_;
  engine::Aggregator aggregator_;  // worker 0's thread
  detect::Learned learned_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<int> bound_;  // until the acceptors take them
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<accept::Acceptor>> acceptors_;  // on worker 0
  std::vector<std::thread> threads_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace weft::forward
