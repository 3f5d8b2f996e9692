#include "common/analyze/checks.h"

namespace weft::analyze {
namespace {

struct Claim {
  const snapshot::Endpoints* service;
  std::size_t instance;
};

// Of the instance with that id, as it stands in the document.
std::string FieldOf(const resource::Document& document, const std::string& id) {
  const auto& instances = document.mesh_service().instances;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    if (instances[i].id == id) return "spec.instances[" + std::to_string(i) + "]";
  }
  return "spec.instances";
}

std::string NameOf(const ServiceKey& key) { return key.ns + '/' + key.name; }

void Tell(const Subject& subject, const Claim& claim, const Claim& before, const net::Address& address,
          Findings& findings) {
  const ServiceKey& mine = claim.service->service;
  const ServiceKey& other = before.service->service;
  const resource::Document* document = subject.Find("MeshService", NameOf(mine));
  const std::string& id = claim.service->instances[claim.instance].id;
  const std::string& their_id = before.service->instances[before.instance].id;
  const bool own = claim.service == before.service;
  Warn(findings, own ? "DuplicateAddress" : "SharedAddress", *document, FieldOf(*document, id),
       address.ToString() + " is " + (own ? "instance " + their_id : NameOf(other) + "'s " + their_id) +
           " too: " +
           (own ? "it gets both shares of the load and counts as two"
                : "an agent that sees only the address takes one service for the other"));
}

}  // namespace

void FindSharedAddresses(const Subject& subject, Findings& findings) {
  std::map<std::string, Claim> claimed;
  for (const auto& [key, endpoints] : subject.compiled.endpoints) {
    for (std::size_t i = 0; i < endpoints.instances.size(); ++i) {
      const snapshot::Instance& instance = endpoints.instances[i];
      std::map<std::string, net::Address> own{{instance.address.ToString(), instance.address}};
      for (const auto& [name, port] : instance.ports) {
        const net::Address address{instance.address.ip, port};
        own.emplace(address.ToString(), address);
      }
      for (const auto& [text, address] : own) {
        const auto [before, is_new] = claimed.emplace(text, Claim{&endpoints, i});
        if (!is_new) Tell(subject, {&endpoints, i}, before->second, address, findings);
      }
    }
  }
}

}  // namespace weft::analyze
