#pragma once
// The control stream: Mesh.Connect over gRPC. Nothing of gRPC is touched before Start(). One thread of our
// own waits on the completion queue and posts what it gets; everything else happens on the cold thread, so
// there is no lock. Each attempt has a channel of its own; the next one waits as backoff.h says, and resumes
// by what is held. One write is in flight at a time; at most kMaxQueued wait behind it, then the stream is
// begun anew. Reads go on one at a time, each after its delta was handled, so a fast sender is held back by
// flow control. Thread rule: the cold thread.

#include <map>
#include <memory>

#include "agent/config/cold.h"
#include "agent/config/link.h"

namespace weft::config {

struct GrpcLinkOptions {
  std::string address;     // "host:port"
  std::string token_file;  // its first word is the bearer token (a line of weft-control's file will do);
                           // read on each attempt; empty: none is sent
  std::string node_id, cluster, ns, service, zone, program_version;
  std::map<std::string, std::string> labels;
  std::uint64_t seed = 0;  // of the back-off; differs from agent to agent
};

class GrpcLink final : public Link {
 public:
  static constexpr std::size_t kMaxQueued = 256;
  static constexpr int kMaxMessageBytes = 64 << 20;

  GrpcLink(Cold& cold, GrpcLinkOptions options);
  ~GrpcLink() override;

  void Start(Callbacks callbacks) override;
  void Stop() override;
  bool on_demand() const override { return true; }
  void Subscribe(std::span<const ServiceKey> keys) override;
  void Unsubscribe(std::span<const ServiceKey> keys) override;
  void Acknowledge(const Acknowledgement& ack) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::config
