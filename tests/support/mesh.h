#pragma once
// A mesh in one process for tests: a forwarder on ports of the kernel's choice, services given as lists of
// addresses. Waits are on conditions with a deadline, never on time.

#include <string>
#include <vector>

#include "agent/forward/forwarder.h"
#include "common/policy/route.h"

namespace weft::support {

// Counts what exchanges and pools tell; thread safe to read after the worker has been asked (Mesh::OnWorker).
struct CountingSink final : report::Sink {
  void Request(const report::RequestReport& report) override;
  void Opened(engine::Direction) override { ++open; }
  void Closed(engine::Direction) override { --open; }
  void Detected(engine::Direction, report::Detection detection) override { detected.push_back(detection); }
  void Secured(engine::Direction, report::Security security) override { secured.push_back(security); }
  void Handshook(engine::Direction, bool, Reason reason) override { handshakes.push_back(reason); }
  void StreamBegan(engine::Direction) override { ++open_streams; }
  void StreamEnded(const report::StreamReport& report) override {
    --open_streams;
    relayed += report.received + report.sent;
    streams.push_back(report);
  }
  void Lent(engine::Backend&, bool reused, Duration waited) override {
    ++(reused ? reused_connections : new_connections);
    waits += waited > Duration::zero();
  }
  void Mirrored(const BackendKey&, report::MirrorResult result) override { mirrored.push_back(result); }
  void Forgot(const BackendKey&, engine::Direction) override { ++forgotten; }
  void Flush(TimePoint) override {}

  std::vector<Reason> reasons;
  std::vector<std::uint16_t> statuses;
  std::vector<report::MirrorResult> mirrored;
  std::vector<report::StreamReport> streams;  // that ended; `backend` may be gone
  std::vector<report::Detection> detected;
  std::vector<report::Security> secured;
  std::vector<Reason> handshakes;
  int open_streams = 0;
  std::uint64_t relayed = 0;
  int forgotten = 0;  // service ports
  int open = 0, reused_connections = 0, new_connections = 0,
      waits = 0;  // waits: lent after a time in the queue
};

class Mesh {
 public:
  Mesh();
  ~Mesh();

  // Before Start.
  policy::ServicePolicy& Service(const std::string& name, const std::vector<net::Address>& instances,
                                 policy::Protocol protocol = policy::Protocol::kHttp);
  policy::Route& Route(const std::string& service);  // one rule to the service itself; edit it
  policy::ServiceBundle& Bundle(const std::string& service);
  void MarkMeshed(const std::string& service);  // its instances stand behind agents
  void Inbound(const std::string& service, const net::Address& application);
  forward::ForwarderOptions& options() { return options_; }
  void Start();

  void Reinstall();                                               // the services as they are now
  void Move(const std::string& service, const net::Address& to);  // its first instance; installs that
  net::Address address(const std::string& listener) const;  // "service-cart", "inbound-cart", "outbound"
  forward::Forwarder& forwarder() { return *forwarder_; }
  // On worker 0, and waits for it.
  void OnWorker(const std::function<void(forward::Worker&)>& work);
  CountingSink Counted();  // a copy of worker 0's

 private:
  snapshot::SnapshotPtr MakeSnapshot() const;
  struct Entry {
    std::shared_ptr<policy::ServiceBundle> bundle;
    std::shared_ptr<snapshot::Endpoints> endpoints;
  };
  std::vector<Entry> services_;
  Entry& Find(const std::string& name);
  forward::ForwarderOptions options_;
  std::unique_ptr<forward::Forwarder> forwarder_;
  std::uint64_t generation_ = 0;
};

bool WaitUntil(const std::function<bool()>& condition, Duration most = std::chrono::seconds(10));

}  // namespace weft::support
