#include "controlplane/inject/inject.h"

#include <algorithm>
#include <set>

#include "common/net/key.h"
#include "controlplane/inject/annotations.h"

namespace weft::inject {
namespace {

constexpr const char* kInit = "weft-init";
constexpr const char* kAgent = "weft-agent";
constexpr const char* kData = "weft-data";
constexpr const char* kToken = "weft-token";
constexpr const char* kDefaultContainer = "kubectl.kubernetes.io/default-container";
constexpr const char* kTokenFolder = "/var/run/secrets/weft.dev";
constexpr int kUid = 15001;
constexpr int kGrace = 30;        // Kubernetes' own terminationGracePeriodSeconds
constexpr int kGraceRest = 2;     // of it are left to the agent's end
constexpr int kTokenLife = 3600;  // seconds; kubelet renews it
constexpr int kProbeTimeout = 5;  // seconds; a busy node is no dead agent

const Json& At(const Json& json, std::string_view key) {
  static const Json nothing;
  if (!json.is_object()) return nothing;
  const auto found = json.find(std::string(key));
  return found == json.end() ? nothing : *found;
}

std::string TextAt(const Json& json, std::string_view key) {
  const Json& value = At(json, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

Json Hardened(int uid) {
  return {{"allowPrivilegeEscalation", false},
          {"capabilities", {{"drop", {"ALL"}}}},
          {"readOnlyRootFilesystem", true},
          {"runAsNonRoot", uid != 0},
          {"runAsUser", uid},
          {"runAsGroup", uid},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

Json InitContainer(const Annotations& wanted, const Settings& settings) {
  Json arguments = {"redirect", "apply", "--uid=" + std::to_string(kUid)};
  const auto add = [&](const char* flag, const std::string& list) {
    if (!list.empty()) arguments.push_back(std::string(flag) + "=" + list);
  };
  add("--skip-inbound-ports", wanted.skip_inbound);
  add("--skip-outbound-ports", wanted.skip_outbound);
  add("--skip-subnets", settings.skip_subnets.empty() || wanted.skip_subnets.empty()
                            ? settings.skip_subnets + wanted.skip_subnets
                            : settings.skip_subnets + "," + wanted.skip_subnets);
  Json security = Hardened(0);  // the kernel gives a capability to root only
  security["capabilities"]["add"] = {"NET_ADMIN"};
  return {
      {"name", kInit},
      {"image", settings.image},
      {"imagePullPolicy", settings.pull_policy},
      {"args", arguments},
      {"securityContext", security},
      {"resources", {{"requests", {{"cpu", "10m"}, {"memory", "16Mi"}}}, {"limits", {{"memory", "64Mi"}}}}}};
}

Json ResourcesOf(const Resources& resources) {
  Json out = Json::object();
  const auto set = [&](const char* kind, const char* what, const std::string& quantity) {
    if (!quantity.empty()) out[kind][what] = quantity;
  };
  set("requests", "cpu", resources.cpu_request);
  set("requests", "memory", resources.memory_request);
  set("limits", "cpu", resources.cpu_limit);
  set("limits", "memory", resources.memory_limit);
  return out;
}

// The service that the pod belongs to, as its inbound rules are named.
std::string ServiceOf(const Json& metadata, const Annotations& wanted) {
  if (!wanted.service.empty()) return wanted.service;
  const Json& labels = At(metadata, "labels");
  for (const char* key : {"app.kubernetes.io/name", "app", "k8s-app"}) {
    const std::string name = TextAt(labels, key);
    if (IsDnsLabel(name)) return name;
  }
  return {};
}

int GraceOf(const Json& spec) {
  const Json& grace = At(spec, "terminationGracePeriodSeconds");
  return grace.is_number_integer()
             ? static_cast<int>(std::clamp<std::int64_t>(grace.get<std::int64_t>(), 0, 86'400))
             : kGrace;
}

int DrainOf(const Json& spec, const Annotations& wanted) {
  return wanted.drain_seconds > 0 ? wanted.drain_seconds : std::max(1, GraceOf(spec) - kGraceRest);
}

std::string ConfigText(const Annotations& wanted) {
  std::string opaque;
  if (!wanted.opaque_ports.empty()) opaque = ", opaquePorts: [" + wanted.opaque_ports + "]";
  return "outbound: {listen: '[::]:15001', transparent: true" + opaque +
         "}\n"
         "inbound: [{listen: '[::]:15006', transparent: true" +
         opaque + "}]\n";
}

Json Environment(const Json& pod, const Annotations& wanted, const Settings& settings) {
  const auto from_field = [](const char* name, const char* path) -> Json {
    return {{"name", name}, {"valueFrom", {{"fieldRef", {{"apiVersion", "v1"}, {"fieldPath", path}}}}}};
  };
  const auto value = [](const char* name, const std::string& text) -> Json {
    return {{"name", name}, {"value", text}};
  };
  Json out = Json::array();
  out.push_back(from_field("POD_NAME", "metadata.name"));
  out.push_back(from_field("WEFT_NODE_NAMESPACE", "metadata.namespace"));
  out.push_back(value("WEFT_NODE_ID", "$(POD_NAME).$(WEFT_NODE_NAMESPACE)"));
  out.push_back(value("WEFT_NODE_CLUSTER", settings.cluster));
  if (const std::string service = ServiceOf(At(pod, "metadata"), wanted); !service.empty())
    out.push_back(value("WEFT_NODE_SERVICE", service));
  out.push_back(value("WEFT_CONTROL_PLANE_ADDRESS", settings.control_plane));
  if (settings.token)
    out.push_back(value("WEFT_CONTROL_PLANE_TOKEN_FILE", std::string(kTokenFolder) + "/token"));
  out.push_back(value("WEFT_CACHE_PATH", "/var/lib/weft/cache"));
  out.push_back(value("WEFT_DRAIN_DEADLINE", std::to_string(DrainOf(At(pod, "spec"), wanted)) + "s"));
  out.push_back(value("WEFT_LOG_LEVEL", wanted.log_level));
  out.push_back(value("WEFT_CONFIG_TEXT", ConfigText(wanted)));
  return out;
}

Json Probe(const char* path, int period, int failures) {
  return {{"httpGet", {{"path", path}, {"port", 15020}}},
          {"periodSeconds", period},
          {"timeoutSeconds", kProbeTimeout},
          {"failureThreshold", failures}};
}

Json AgentContainer(const Json& pod, const Annotations& wanted, const Settings& settings) {
  Json mounts = Json::array();
  mounts.push_back({{"name", kData}, {"mountPath", "/var/lib/weft"}});
  if (settings.token) mounts.push_back({{"name", kToken}, {"mountPath", kTokenFolder}, {"readOnly", true}});
  Json out = {
      {"name", kAgent},
      {"image", settings.image},
      {"imagePullPolicy", settings.pull_policy},
      {"env", Environment(pod, wanted, settings)},
      {"ports", Json::array({{{"name", "weft-metrics"}, {"containerPort", 15020}, {"protocol", "TCP"}}})},
      {"securityContext", Hardened(kUid)},
      {"resources", ResourcesOf(wanted.resources)},
      {"volumeMounts", mounts},
      {"lifecycle", {{"preStop", {{"exec", {{"command", {"/usr/bin/weft-agent", "drain"}}}}}}}},
      {"startupProbe", Probe("/readyz", 1, 120)},
      {"readinessProbe", Probe("/readyz", 2, 3)},
      {"livenessProbe", Probe("/livez", 10, 3)}};
  if (wanted.native_sidecar) {
    out["restartPolicy"] = "Always";
  } else {  // the next container starts when this has ended
    out["lifecycle"]["postStart"] = {
        {"exec", {{"command", {"/usr/bin/weft-agent", "ready", "--wait", "120s"}}}}};
  }
  return out;
}

void InsertFirst(Json& spec, const char* list, const std::vector<Json>& items) {
  Json all = Json::array();
  for (const Json& item : items) all.push_back(item);
  if (At(spec, list).is_array()) {
    for (const Json& item : spec[list]) all.push_back(item);
  }
  spec[list] = std::move(all);
}

void Append(Json& spec, const char* list, Json item) {
  if (!At(spec, list).is_array()) spec[list] = Json::array();
  spec[list].push_back(std::move(item));
}

void AddVolumes(Json& spec, const Settings& settings) {
  Append(spec, "volumes", {{"name", kData}, {"emptyDir", {{"sizeLimit", "32Mi"}}}});
  if (!settings.token) return;
  const Json token = {{"audience", "weft-control"}, {"expirationSeconds", kTokenLife}, {"path", "token"}};
  Append(spec, "volumes",
         {{"name", kToken}, {"projected", {{"sources", Json::array({{{"serviceAccountToken", token}}})}}}});
}

// So that the application goes on while everybody hears that it will end; its names.
Json AddPauses(Json& spec, const Settings& settings) {
  Json paused = Json::array();
  const int seconds = std::min(settings.pre_stop_seconds, GraceOf(spec) / 4);
  if (!settings.sleep_action || seconds <= 0 || !At(spec, "containers").is_array()) return paused;
  for (Json& container : spec["containers"]) {
    if (!container.is_object() || At(container, "name") == kAgent) continue;
    if (!At(At(container, "lifecycle"), "preStop").is_null()) continue;
    container["lifecycle"]["preStop"] = {{"sleep", {{"seconds", seconds}}}};
    paused.push_back(TextAt(container, "name"));
  }
  return paused;
}

bool IsOurs(const Json& named, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return At(named, "name") == name; });
}

void RemoveFrom(Json& spec, const char* list, std::initializer_list<const char*> names) {
  if (!At(spec, list).is_array()) return;
  Json kept = Json::array();
  for (const Json& item : spec[list]) {
    if (!IsOurs(item, names)) kept.push_back(item);
  }
  if (kept.empty() && std::string_view(list) != "containers")
    spec.erase(list);
  else
    spec[list] = std::move(kept);
}

void RemovePauses(Json& spec, const Json& paused) {
  if (!paused.is_array() || !At(spec, "containers").is_array()) return;
  for (Json& container : spec["containers"]) {
    if (std::find(paused.begin(), paused.end(), At(container, "name")) == paused.end()) continue;
    if (!At(At(container, "lifecycle"), "preStop").is_object()) continue;
    container["lifecycle"].erase("preStop");
    if (container["lifecycle"].empty()) container.erase("lifecycle");
  }
}

Injection Not(const Json& pod, std::string reason, std::vector<std::string> warnings = {}) {
  return {false, std::move(reason), std::move(warnings), pod};
}

// Why this container stands in the way; empty: it does not.
std::string ObstacleIn(const Json& container, std::set<std::string>& names) {
  const std::string name = TextAt(container, "name");
  if (IsOurs(container, {kInit, kAgent})) return "it has a container called " + name + " of its own";
  if (!names.insert(name).second) return "two of its containers are called '" + name + "'";
  if (At(At(container, "securityContext"), "runAsUser") == kUid)
    return "its container " + name + " runs as user 15001, which is the agent's: its traffic would pass";
  return {};
}

// Why a pod cannot have a sidecar at all; empty: it can.
std::string Obstacle(const Json& spec) {
  if (At(spec, "hostNetwork") == true)
    return "the pod uses its node's network (hostNetwork), whose traffic must not be redirected";
  if (At(At(spec, "securityContext"), "runAsUser") == kUid)
    return "it runs as user 15001, which is the agent's";
  std::set<std::string> names;
  for (const char* list : {"containers", "initContainers"}) {
    for (const Json& container : At(spec, list)) {
      if (std::string found = ObstacleIn(container, names); !found.empty()) return found;
    }
  }
  for (const Json& volume : At(spec, "volumes")) {
    if (IsOurs(volume, {kData, kToken}))
      return "it has a volume called " + TextAt(volume, "name") + " of its own";
  }
  return {};
}

// What is walked through has the shape that the API server gives it.
Status CheckShape(const Json& pod) {
  const auto absent_or = [](const Json& value, bool good) { return value.is_null() || good; };
  const Json& metadata = At(pod, "metadata");
  if (!absent_or(metadata, metadata.is_object())) return Invalid("is no object", "metadata");
  const Json& annotations = At(metadata, "annotations");
  if (!absent_or(annotations, annotations.is_object()))
    return Invalid("is no object", "metadata.annotations");
  const Json& spec = At(pod, "spec");
  if (!At(spec, "containers").is_array()) return Invalid("a pod has a list of containers", "spec.containers");
  for (const char* list : {"containers", "initContainers", "volumes"}) {
    const Json& items = At(spec, list);
    if (!absent_or(items, items.is_array())) return Invalid("is no list", std::string("spec.") + list);
    for (const Json& item : items) {
      const Json& lifecycle = At(item, "lifecycle");
      if (!item.is_object() || !absent_or(lifecycle, lifecycle.is_object()))
        return Invalid("has an entry that is none", std::string("spec.") + list);
    }
  }
  return {};
}

}  // namespace

Result<Injection> Inject(const Json& given, const std::string& ns, bool enabled, const Settings& settings) {
  if (const Status shape = CheckShape(given); !shape) return shape.error();
  if (IsSystemNamespace(ns, settings)) return Not(given, "the namespace " + ns + " is never injected");
  Result<Annotations> wanted = ReadAnnotations(At(given, "metadata"), settings);
  if (!wanted) return wanted.error();
  if (wanted->inject == Wish::kDisabled) return Not(given, "the pod says weft.dev/inject: disabled");
  if (wanted->inject == Wish::kNone && !enabled)
    return Not(given, "neither the pod nor its namespace says weft.dev/inject: enabled");
  Json pod = Uninject(given);
  if (const std::string obstacle = Obstacle(pod["spec"]); !obstacle.empty()) {
    if (wanted->inject == Wish::kEnabled)
      return Invalid(obstacle + "; remove weft.dev/inject from it", "spec");
    wanted->warnings.push_back("no sidecar: " + obstacle);
    return Not(given, obstacle, std::move(wanted->warnings));
  }
  if (!settings.native_sidecar) wanted->native_sidecar = false;
  Json& spec = pod["spec"];
  Json status = {{"image", settings.image}, {"preStop", AddPauses(spec, settings)}};
  const Json agent = AgentContainer(pod, *wanted, settings);
  const Json init = InitContainer(*wanted, settings);
  if (wanted->native_sidecar) {
    InsertFirst(spec, "initContainers", {init, agent});
  } else {
    const std::string first = spec["containers"].empty() ? "" : TextAt(spec["containers"][0], "name");
    InsertFirst(spec, "initContainers", {init});
    InsertFirst(spec, "containers", {agent});
    if (!first.empty() && !At(At(pod["metadata"], "annotations"), kDefaultContainer).is_string()) {
      pod["metadata"]["annotations"][kDefaultContainer] = first;
      status["defaultContainer"] = true;
    }
  }
  AddVolumes(spec, settings);
  pod["metadata"]["annotations"][std::string(kStatus)] = status.dump();
  return Injection{true, {}, std::move(wanted->warnings), std::move(pod)};
}

Json Uninject(const Json& given) {
  Json pod = given;
  const std::string text = TextAt(At(At(pod, "metadata"), "annotations"), kStatus);
  if (text.empty()) return pod;
  const Json status = Json::parse(text, nullptr, false);
  Json& spec = pod["spec"];
  RemoveFrom(spec, "initContainers", {kInit, kAgent});
  RemoveFrom(spec, "containers", {kAgent});
  RemoveFrom(spec, "volumes", {kData, kToken});
  RemovePauses(spec, At(status, "preStop"));
  Json& annotations = pod["metadata"]["annotations"];
  annotations.erase(std::string(kStatus));
  if (At(status, "defaultContainer") == true) annotations.erase(kDefaultContainer);
  if (annotations.empty()) pod["metadata"].erase("annotations");
  return pod;
}

Json Patch(const Json& before, const Json& after) { return Json::diff(before, after); }

Json* PodOf(Json& object) {
  if (!object.is_object() || !object.contains("spec")) return nullptr;
  const std::string kind = TextAt(object, "kind");
  if (kind == "Pod") return &object;
  Json* holder = &object;
  if (kind == "CronJob" && At(object["spec"], "jobTemplate").is_object())
    holder = &object["spec"]["jobTemplate"];
  static constexpr std::string_view kKinds[] = {
      "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"};
  if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) return nullptr;
  if (!At(At(*holder, "spec"), "template").is_object()) return nullptr;
  return &(*holder)["spec"]["template"];
}

bool IsSystemNamespace(std::string_view ns, const Settings& settings) {
  return ns == settings.system_namespace || ns == "kube-system" || ns == "kube-public" ||
         ns == "kube-node-lease";
}

}  // namespace weft::inject
