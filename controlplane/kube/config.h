#pragma once
// Where a Kubernetes API server is and who we are there: from inside a pod, or from a kubeconfig file. Thread
// rule: values.

#include <functional>
#include <optional>
#include <string>

#include "common/http/tls/context.h"
#include "common/net/address.h"

namespace weft::kube {

struct Config {
  net::HostPort server;
  http::tls::ContextPtr tls;  // null: plain text
  std::string server_name;    // of its certificate; empty: the host
  std::string token_file;     // read for each request, because kubelet renews it; empty: `token`
  std::string token;          // empty: none
  std::string ns = "default";
};

inline constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

// KUBERNETES_SERVICE_HOST and _PORT, and the service account mounted in `folder`.
using Variable = std::function<std::optional<std::string>(const char* name)>;
Result<Config> InCluster(const Variable& variable, const std::string& folder = kServiceAccount);

// The current context of a kubeconfig: bearer token (also from a file) or client certificate, as data or as
// files. What runs a program to get a token (exec, auth-provider) is refused with its name.
Result<Config> FromKubeconfig(const std::string& path);

}  // namespace weft::kube
