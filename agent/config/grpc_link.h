#pragma once
// The control stream: Mesh.Connect over gRPC. Resumes by what is held. Thread rule: the cold thread.

#include <map>
#include <memory>

#include "agent/config/link.h"
#include "agent/dial/dialer.h"
#include "agent/identity/keeper.h"

namespace weft::config {

struct GrpcLinkOptions {
  std::string node_id, cluster, ns, service, zone, program_version;
  std::map<std::string, std::string> labels;
  std::uint64_t seed = 0;              // of the back-off; differs from agent to agent
  identity::Keeper* keeper = nullptr;  // is fed by the stream; null: no certificates. It outlives the link.
  std::function<void(bool problem, const std::string& text)> log = nullptr;  // of the keeper
};

class GrpcLink final : public Link {
 public:
  GrpcLink(dial::Dialer& dialer, GrpcLinkOptions options);
  ~GrpcLink() override;

  void Start(Callbacks callbacks) override;
  void Stop() override;
  bool on_demand() const override { return true; }
  void Subscribe(std::span<const ServiceKey> keys) override;
  void Unsubscribe(std::span<const ServiceKey> keys) override;
  void Acknowledge(const Acknowledgement& ack) override;
  void FindAddress(const net::Address& address) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::config
