#pragma once
// What a pod looks like with the sidecar, as a function of the pod, its namespace and the mesh's settings:
// the admission webhook and `weftctl inject` are both this. Injecting twice is injecting once; Uninject takes
// back what Inject added, and nothing else. Thread rule: pure functions.
//
// Added: the init container `weft-init`, which redirects the pod's TCP to the agent; the agent `weft-agent`,
// as a native sidecar (an init container that goes on) where the cluster has these, else as the first
// container; volumes of the agent; a pause of the application's containers between the end's announcement and
// SIGTERM, where they have no preStop of their own; the annotation `weft.dev/status`.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace weft::inject {

using Json = nlohmann::ordered_json;

inline constexpr std::string_view kStatus = "weft.dev/status";
inline constexpr std::string_view kInject = "weft.dev/inject";  // enabled, disabled; also of a namespace

struct Resources {  // quantities as Kubernetes writes them; empty: not set
  std::string cpu_request = "10m", cpu_limit;
  std::string memory_request = "32Mi", memory_limit = "128Mi";
};

struct Settings {
  std::string image = "weft/agent:dev";
  std::string pull_policy = "IfNotPresent";
  std::string system_namespace = "weft-system";
  std::string control_plane = "weft-control.weft-system.svc:15010";
  bool token = true;           // show the pod's service account (audience weft-control) to the control plane
  bool native_sidecar = true;  // Kubernetes 1.29
  bool sleep_action = true;    // Kubernetes 1.30
  std::string cluster = "local";
  std::string log_level = "info";
  std::string skip_subnets;  // of every pod, comma-separated
  int pre_stop_seconds = 5;  // pause of the application before SIGTERM; zero: none
  Resources resources;
};

struct Injection {
  bool injected = false;
  std::string reason;  // why not, one sentence
  std::vector<std::string> warnings;
  Json pod;  // as it is to be; unchanged when not injected
};

// `enabled`: the namespace's label says so. `pod` has metadata and spec (a Pod, or a pod template). An error
// names the annotation, or says why a pod that asks for a sidecar cannot have one.
Result<Injection> Inject(const Json& pod, const std::string& ns, bool enabled, const Settings& settings);
Json Uninject(const Json& pod);

// RFC 6902; empty when nothing differs.
Json Patch(const Json& before, const Json& after);

// The pod (template) inside an object: of a Pod itself, of Deployment, StatefulSet, DaemonSet, ReplicaSet,
// ReplicationController, Job, CronJob its template. Null: there is none. With a name of the object.
Json* PodOf(Json& object);

// Nobody's pods there get a sidecar.
bool IsSystemNamespace(std::string_view ns, const Settings& settings);

}  // namespace weft::inject
