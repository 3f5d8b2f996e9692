#include "controlplane/telemetry/changes.h"

#include "common/wire/wire.h"

namespace weft::telemetry {
namespace {

bool IsNamed(const ServiceKey& key) { return IsDnsLabel(key.ns) && IsDnsLabel(key.name); }

const ServiceView* Known(const Aggregate& known, const ServiceKey& key) {
  const auto found = known.services().find(key);
  return found == known.services().end() ? nullptr : &found->second;
}

void NoteCircuit(const ServiceView* service, const ServiceKey& key, const std::string& node_id,
                 const v1::BreakerStat& stat, events::Book& events) {
  bool was_open = false;
  if (service != nullptr) {
    const auto before = service->breakers.find({node_id, stat.port()});
    was_open = before != service->breakers.end() && before->second.state != "closed";
  }
  const std::string what = "the circuit of port " + std::to_string(stat.port());
  if (!was_open && stat.state() == "open")
    events.Warning("CircuitOpened", {"MeshService", key.ns, key.name},
                   what + " is open: requests are refused");
  if (was_open && stat.state() == "closed")
    events.Normal("CircuitClosed", {"MeshService", key.ns, key.name}, what + " is closed again");
}

void NoteInstance(const ServiceView* service, const ServiceKey& key, const std::string& node_id,
                  const v1::InstanceStat& stat, events::Book& events) {
  bool was_out = false;
  if (service != nullptr) {
    const auto before = service->instances.find(stat.instance());
    was_out = before != service->instances.end() && before->second.against.contains(node_id);
  }
  const bool out = stat.state() == "ejected" || stat.state() == "unhealthy";
  if (out == was_out) return;
  const std::string what = "instance " + stat.instance();
  if (out) {
    events.Warning("InstanceLeftOut", {"MeshService", key.ns, key.name},
                   what + " is " + stat.state() + (stat.cause().empty() ? "" : ": " + stat.cause()));
  } else {
    events.Normal("InstanceBack", {"MeshService", key.ns, key.name}, what + " is " + stat.state());
  }
}

}  // namespace

void NoteChanges(const Aggregate& known, const std::string& node_id, const v1::AgentReport& report,
                 events::Book& events) {
  for (const v1::BreakerStat& stat : report.breakers()) {
    const ServiceKey key = wire::UncheckedKey(stat.service());
    if (IsNamed(key)) NoteCircuit(Known(known, key), key, node_id, stat, events);
  }
  for (const v1::InstanceStat& stat : report.instances()) {
    const ServiceKey key = wire::UncheckedKey(stat.service());
    if (IsNamed(key)) NoteInstance(Known(known, key), key, node_id, stat, events);
  }
}

}  // namespace weft::telemetry
