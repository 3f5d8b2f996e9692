#pragma once
// The `kubernetes` block of weft-control's file: service accounts as callers, and the admission webhook.
// Thread rule: plain values.

#include <optional>

#include "common/resource/reader.h"
#include "controlplane/kube/config.h"
#include "controlplane/webhook/webhook.h"

namespace weft::control {

struct TokenSettings {
  std::string audience = "weft-control";
  std::vector<std::string> admins;  // "namespace/name" of service accounts; the others are agents
};

struct KubernetesSettings {
  std::string kubeconfig;  // empty: the pod's own service account
  std::optional<TokenSettings> tokens;
  std::optional<webhook::Options> webhook;
};

void ReadKubernetes(const resource::Value& value, KubernetesSettings& out);

Result<kube::Config> KubeConfig(const std::string& kubeconfig);

}  // namespace weft::control
