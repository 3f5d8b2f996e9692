#include "controlplane/app/kubernetes_settings.h"

#include <algorithm>
#include <cstdlib>

namespace weft::control {
namespace {

using resource::MapReader;

// "namespace/name".
bool SplitName(const resource::Value& value, std::string& ns, std::string& name) {
  std::string text;
  if (!Read(value, text)) return false;
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) {
    value.Fail("'" + text + "' is no NAMESPACE/NAME");
    return false;
  }
  ns = text.substr(0, slash);
  name = text.substr(slash + 1);
  return true;
}

void ReadTokens(const resource::Value& value, TokenSettings& out) {
  value.Map([&](MapReader& map) {
    map.Optional("audience", out.audience);
    map.List("admins", 64, [&](const resource::Value& item) {
      std::string ns, name;
      if (SplitName(item, ns, name)) out.admins.push_back(ns.append("/").append(name));
    });
  });
}

void ReadWebhook(const resource::Value& value, webhook::Options& out) {
  std::string service = "weft-control";
  value.Map([&](MapReader& map) {
    map.Optional("listen", out.listen);
    if (const auto said = map.Find("service")) SplitName(*said, out.keeper.ns, service);
    map.Optional("secret", out.keeper.secret);
    map.Optional("configuration", out.keeper.configuration);
    map.Optional("validating", out.keeper.validating);
    map.Optional("agentImage", out.inject.image);
    map.Optional("agentPullPolicy", out.inject.pull_policy);
    map.Optional("controlPlane", out.inject.control_plane);
    map.Optional("cluster", out.inject.cluster);
    map.Optional("logLevel", out.inject.log_level);
    map.Optional("skipSubnets", out.inject.skip_subnets);
    map.Optional("nativeSidecar", out.inject.native_sidecar);
    map.Optional("token", out.inject.token);
    map.Optional("certificateLifetime", out.keeper.spans.leaf,
                 resource::Between<Duration>(std::chrono::seconds(5), std::chrono::hours(24 * 365)));
  });
  out.look = std::clamp<Duration>(out.keeper.spans.leaf / 10, std::chrono::seconds(1), out.look);
  out.inject.sleep_action = out.inject.native_sidecar;
  out.inject.system_namespace = out.keeper.ns;
  out.keeper.names = {service + "." + out.keeper.ns + ".svc",
                      service + "." + out.keeper.ns + ".svc.cluster.local"};
}

}  // namespace

void ReadKubernetes(const resource::Value& value, KubernetesSettings& out) {
  value.Map([&](MapReader& map) {
    map.Optional("kubeconfig", out.kubeconfig);
    if (const auto tokens = map.Find("tokens")) ReadTokens(*tokens, out.tokens.emplace());
    if (const auto webhook = map.Find("webhook")) ReadWebhook(*webhook, out.webhook.emplace());
  });
}

Result<kube::Config> KubeConfig(const std::string& kubeconfig) {
  if (!kubeconfig.empty()) return kube::FromKubeconfig(kubeconfig);
  return kube::InCluster([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace weft::control
