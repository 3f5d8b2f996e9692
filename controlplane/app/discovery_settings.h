#pragma once
// The `discovery` block of weft-control's file: which sources outside services come from. Thread rule: plain
// values.

#include <optional>

#include "common/http/tls/context.h"
#include "common/resource/reader.h"
#include "controlplane/intake/consul/consul.h"
#include "controlplane/intake/dns/dns.h"
#include "controlplane/intake/etcd/etcd.h"

namespace weft::control {

struct KubernetesSource {
  std::string kubeconfig;  // empty: the pod's own service account
};

struct DiscoverySettings {
  Duration linger = std::chrono::minutes(5);  // of a service that its source no longer has; at most 24 h
  Duration doubt = std::chrono::minutes(1);   // of a mass removal; zero: believed at once; at most 1 h
  std::optional<intake::consul::Options> consul;
  std::optional<intake::etcd::Options> etcd;
  std::optional<intake::dns::Options> dns;
  std::optional<KubernetesSource> kubernetes;
};

// Files that are named are read: a certificate that cannot be used is a problem at its place.
void ReadDiscovery(const resource::Value& value, DiscoverySettings& out);

}  // namespace weft::control
