#pragma once
// Once a second, while some limit is shared with other instances' agents: what the workers were asked for
// goes to the control plane, and the shares in force to the workers. Thread rule: the cold thread.

#include "agent/cold/cold.h"
#include "agent/forward/forwarder.h"
#include "agent/quota/keeper.h"
#include "agent/uplink/uplink.h"

namespace weft::app {

class Quotas {
 public:
  // All outlive it.
  Quotas(cold::Cold& cold, forward::Forwarder& forwarder) : cold_(cold), forwarder_(forwarder) {}

  void Start(uplink::Uplink* uplink);  // null: there is no control plane
  void Installed(const snapshot::Snapshot& snapshot);
  void Granted(const uplink::QuotaGrant& grant);

 private:
  void Wait();
  void Look();
  void Seen(const std::vector<engine::QuotaUse>& uses, std::uint64_t revision);

  cold::Cold& cold_;
  forward::Forwarder& forwarder_;
  uplink::Uplink* uplink_ = nullptr;
  quota::Keeper keeper_;
  bool any_ = false;
};

}  // namespace weft::app
