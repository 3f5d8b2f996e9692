#pragma once
// Callers who show a token of their Kubernetes service account, which the API server judges (TokenReview).
// What it said is believed for a minute, and while it is away for an hour. Loopback peers without a token are
// admin, as without credentials: whoever runs commands in the pod. Thread rule: any thread; blocks on the API
// server.

#include <memory>
#include <string>
#include <vector>

#include "common/time/time.h"
#include "controlplane/auth/auth.h"
#include "controlplane/kube/client.h"

namespace weft::kube {

struct TokenOptions {
  std::string audience = "weft-control";
  std::vector<std::string> admins;  // "namespace/name"; other service accounts are agents
  std::function<TimePoint()> clock = ReadMonotonicClock;
};

std::unique_ptr<auth::Authenticator> MakeTokenReview(Config config, TokenOptions options);

}  // namespace weft::kube
