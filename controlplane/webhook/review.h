#pragma once
// Admission reviews (admission.k8s.io/v1) about pods, answered with the sidecar. Thread rule: pure functions.

#include <string>
#include <string_view>

#include "controlplane/inject/inject.h"

namespace weft::webhook {

struct Reviewed {
  std::string body;     // the answer, also where the pod is refused
  std::string outcome;  // "injected", "skipped", "refused"
  std::string subject;  // "shop/web-7d4b9c-" for the log
  std::string reason;   // why it was skipped or refused
};

// An error: the body is no review of a pod. `enabled`: the namespace's label said so.
Result<Reviewed> Review(std::string_view body, bool enabled, const inject::Settings& settings);

}  // namespace weft::webhook
