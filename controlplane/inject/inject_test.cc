#include "controlplane/inject/inject.h"

#include <gtest/gtest.h>

namespace weft::inject {
namespace {

Json Pod(const char* text = R"({"metadata": {"name": "web", "labels": {"app": "web"}},
  "spec": {"containers": [{"name": "web", "image": "web:1"}], "volumes": [{"name": "own", "emptyDir": {}}]}})") {
  return Json::parse(text);
}

Json Annotated(const std::string& key, const std::string& value) {
  Json pod = Pod();
  pod["metadata"]["annotations"][key] = value;
  return pod;
}

nlohmann::json Unordered(const Json& json) { return nlohmann::json::parse(json.dump()); }

Injection Injected(const Json& pod, const Settings& settings = {}) {
  Result<Injection> done = Inject(pod, "shop", true, settings);
  EXPECT_TRUE(done) << (done ? "" : done.error().Text());
  return done ? std::move(*done) : Injection{};
}

std::string ErrorOf(const Json& pod) {
  const Result<Injection> done = Inject(pod, "shop", true, {});
  return done ? "accepted" : done.error().Text();
}

const Json& Named(const Json& list, const std::string& name) {
  static const Json nothing;
  for (const Json& item : list) {
    if (item["name"] == name) return item;
  }
  return nothing;
}

std::string Variable(const Json& agent, const std::string& name) {
  const Json& found = Named(agent["env"], name);
  return found.contains("value") ? found["value"].get<std::string>() : "";
}

const Json& Agent(const Json& pod) { return Named(pod["spec"]["initContainers"], "weft-agent"); }
const Json& Init(const Json& pod) { return Named(pod["spec"]["initContainers"], "weft-init"); }

TEST(InjectTest, RedirectionThenTheAgentComeBeforeTheRestOfThePod) {
  Json pod = Pod();
  pod["spec"]["initContainers"] = Json::array({{{"name", "migrate"}}});
  const Json made = Injected(pod).pod;
  EXPECT_EQ(made["spec"]["initContainers"][0]["name"], "weft-init");
  EXPECT_EQ(made["spec"]["initContainers"][1]["name"], "weft-agent");
  EXPECT_EQ(made["spec"]["initContainers"][1]["restartPolicy"], "Always");
  EXPECT_EQ(made["spec"]["initContainers"][2]["name"], "migrate");
  EXPECT_EQ(made["spec"]["containers"].size(), 1U);
  EXPECT_EQ(made["spec"]["volumes"].size(), 3U);
  EXPECT_EQ(Init(made)["args"], Json({"redirect", "apply", "--uid=15001"}));
  EXPECT_EQ(Variable(Agent(made), "WEFT_NODE_SERVICE"), "web");
  EXPECT_EQ(Variable(Agent(made), "WEFT_DRAIN_DEADLINE"), "28s");
}

TEST(InjectTest, TwiceIsOnceAndUninjectTakesItAllBack) {
  for (const char* native : {"true", "false"}) {
    Json pod = Annotated("weft.dev/native-sidecar", native);
    pod["spec"]["containers"].push_back(
        {{"name", "other"}, {"lifecycle", {{"preStop", {{"exec", {{"command", {"x"}}}}}}}}});
    const Json once = Injected(pod).pod;
    EXPECT_EQ(Injected(once).pod, once);
    EXPECT_TRUE(Patch(once, Injected(once).pod).empty());
    EXPECT_EQ(Uninject(once), pod);
    EXPECT_EQ(Unordered(pod.patch(Patch(pod, once))), Unordered(once));
  }
  EXPECT_EQ(Uninject(Pod()), Pod());
}

TEST(InjectTest, AnotherSettingReplacesWhatIsThere) {
  const Json before = Injected(Pod()).pod;
  Settings newer;
  newer.image = "weft/agent:2";
  const Json after = Injected(before, newer).pod;
  EXPECT_EQ(Agent(after)["image"], "weft/agent:2");
  EXPECT_EQ(after["spec"]["initContainers"].size(), 2U);
  EXPECT_EQ(Uninject(after), Pod());
}

TEST(InjectTest, WhoIsInjectedIsSaidByPodAndNamespace) {
  const auto injected = [](const Json& pod, const std::string& ns, bool enabled) {
    const Result<Injection> done = Inject(pod, ns, enabled, {});
    return done && done->injected;
  };
  EXPECT_TRUE(injected(Pod(), "shop", true));
  EXPECT_FALSE(injected(Pod(), "shop", false));
  EXPECT_TRUE(injected(Annotated("weft.dev/inject", "enabled"), "shop", false));
  EXPECT_FALSE(injected(Annotated("weft.dev/inject", "disabled"), "shop", true));
  EXPECT_FALSE(injected(Annotated("weft.dev/inject", "enabled"), "kube-system", true));
  EXPECT_FALSE(injected(Annotated("weft.dev/inject", "enabled"), "weft-system", true));
  Json labelled = Pod();
  labelled["metadata"]["labels"]["weft.dev/inject"] = "false";
  EXPECT_FALSE(injected(labelled, "shop", true));
  labelled["metadata"]["annotations"]["weft.dev/inject"] = "true";
  EXPECT_TRUE(injected(labelled, "shop", true)) << "the annotation wins";
}

TEST(InjectTest, AnnotationsReachTheirPlace) {
  Json pod = Pod();
  pod["metadata"]["annotations"] = {{"weft.dev/skip-inbound-ports", "22, 9000-9010"},
                                    {"weft.dev/skip-outbound-ports", "5432"},
                                    {"weft.dev/skip-subnets", "10.0.0.0/8,fd00::/8"},
                                    {"weft.dev/opaque-ports", "3306,6379"},
                                    {"weft.dev/proxy-cpu-request", "50m"},
                                    {"weft.dev/proxy-cpu-limit", "1"},
                                    {"weft.dev/proxy-memory-request", "20Mi"},
                                    {"weft.dev/proxy-memory-limit", "0.5Gi"},
                                    {"weft.dev/log-level", "debug"},
                                    {"weft.dev/drain-seconds", "7"},
                                    {"weft.dev/service", "front"}};
  const Injection made = Injected(pod);
  EXPECT_TRUE(made.warnings.empty());
  EXPECT_EQ(Init(made.pod)["args"],
            Json({"redirect", "apply", "--uid=15001", "--skip-inbound-ports=22,9000-9010",
                  "--skip-outbound-ports=5432", "--skip-subnets=10.0.0.0/8,fd00::/8"}));
  const Json& agent = Agent(made.pod);
  EXPECT_EQ(agent["resources"], Json::parse(R"({"requests": {"cpu": "50m", "memory": "20Mi"},
                                                "limits": {"cpu": "1", "memory": "0.5Gi"}})"));
  EXPECT_EQ(Variable(agent, "WEFT_LOG_LEVEL"), "debug");
  EXPECT_EQ(Variable(agent, "WEFT_DRAIN_DEADLINE"), "7s");
  EXPECT_EQ(Variable(agent, "WEFT_NODE_SERVICE"), "front");
  EXPECT_EQ(Variable(agent, "WEFT_CONFIG_TEXT"),
            "outbound: {listen: '[::]:15001', transparent: true, opaquePorts: [3306,6379]}\n"
            "inbound: [{listen: '[::]:15006', transparent: true, opaquePorts: [3306,6379]}]\n");
}

TEST(InjectTest, ABadValueNamesItsAnnotation) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"inject", "maybe"},          {"skip-inbound-ports", "0"},    {"skip-outbound-ports", "80;81"},
      {"skip-subnets", "10.0.0/8"}, {"opaque-ports", "9-8"},        {"proxy-cpu-request", "a lot"},
      {"proxy-cpu-limit", "1x"},    {"proxy-memory-request", ".5"}, {"proxy-memory-limit", ""},
      {"log-level", "loud"},        {"native-sidecar", "yes"},      {"drain-seconds", "0"},
      {"service", "Front"}};
  for (const auto& [key, value] : bad) {
    EXPECT_EQ(
        ErrorOf(Annotated("weft.dev/" + key, value)).find("metadata.annotations[weft.dev/" + key + "]: "), 0U)
        << key << ": " << ErrorOf(Annotated("weft.dev/" + key, value));
  }
}

TEST(InjectTest, UnknownKeysWarnAndForeignOnesDoNot) {
  Json pod = Annotated("weft.dev/skip-ports", "80");
  pod["metadata"]["annotations"]["example.org/inject"] = "no";
  const Injection made = Injected(pod);
  ASSERT_EQ(made.warnings.size(), 1U);
  EXPECT_NE(
      made.warnings[0].find("weft.dev/skip-ports is not known; weft.dev/ has inject, skip-inbound-ports"),
      std::string::npos);
}

TEST(InjectTest, PodsThatCannotHaveASidecarAreLeftOutWithAReason) {
  Json pod = Pod();
  pod["spec"]["hostNetwork"] = true;
  const Injection made = Injected(pod);
  EXPECT_FALSE(made.injected);
  EXPECT_EQ(made.pod, pod);
  EXPECT_NE(made.warnings.at(0).find("hostNetwork"), std::string::npos);
  pod["metadata"]["annotations"]["weft.dev/inject"] = "enabled";
  EXPECT_NE(ErrorOf(pod).find("hostNetwork"), std::string::npos) << "who asks for it is refused";
  Json same_user = Annotated("weft.dev/inject", "enabled");
  same_user["spec"]["containers"][0]["securityContext"]["runAsUser"] = 15001;
  EXPECT_NE(ErrorOf(same_user).find("user 15001"), std::string::npos);
  Json own = Annotated("weft.dev/inject", "enabled");
  own["spec"]["containers"][0]["name"] = "weft-agent";
  EXPECT_NE(ErrorOf(own).find("called weft-agent of its own"), std::string::npos);
  EXPECT_NE(ErrorOf(Json::parse(R"({"metadata": {}, "spec": {}})")).find("spec.containers"),
            std::string::npos);
}

TEST(InjectTest, WithoutNativeSidecarsTheAgentIsTheFirstContainerAndNotTheDefaultOne) {
  Settings old;
  old.native_sidecar = false;
  const Json made = Injected(Pod(), old).pod;
  EXPECT_EQ(made["spec"]["initContainers"].size(), 1U);
  EXPECT_EQ(made["spec"]["containers"][0]["name"], "weft-agent");
  EXPECT_FALSE(made["spec"]["containers"][0].contains("restartPolicy"));
  EXPECT_EQ(made["spec"]["containers"][0]["lifecycle"]["postStart"]["exec"]["command"][1], "ready");
  EXPECT_EQ(made["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"], "web");
  const Json kept = Injected(Annotated("kubectl.kubernetes.io/default-container", "side"), old).pod;
  EXPECT_EQ(kept["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"], "side");
  EXPECT_EQ(Uninject(kept)["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"], "side");
}

TEST(InjectTest, TheAgentIsHardenedAndOnlyTheInitContainerHasACapability) {
  const Json made = Injected(Pod()).pod;
  const Json& agent = Agent(made)["securityContext"];
  EXPECT_EQ(agent, Json::parse(R"({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": true, "runAsNonRoot": true, "runAsUser": 15001, "runAsGroup": 15001,
    "seccompProfile": {"type": "RuntimeDefault"}})"));
  EXPECT_EQ(Init(made)["securityContext"]["capabilities"],
            Json::parse(R"({"drop": ["ALL"], "add": ["NET_ADMIN"]})"));
  EXPECT_EQ(Init(made)["securityContext"]["readOnlyRootFilesystem"], true);
}

TEST(InjectTest, ApplicationsPauseBeforeTheirEndUnlessTheyHaveAHookOrNoTime) {
  Json pod = Pod();
  EXPECT_EQ(Injected(pod).pod["spec"]["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], 5);
  pod["spec"]["terminationGracePeriodSeconds"] = 8;
  EXPECT_EQ(Injected(pod).pod["spec"]["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], 2);
  EXPECT_EQ(Variable(Agent(Injected(pod).pod), "WEFT_DRAIN_DEADLINE"), "6s");
  pod["spec"]["terminationGracePeriodSeconds"] = 0;
  EXPECT_FALSE(Injected(pod).pod["spec"]["containers"][0].contains("lifecycle"));
  Settings old;
  old.sleep_action = false;
  EXPECT_FALSE(Injected(Pod(), old).pod["spec"]["containers"][0].contains("lifecycle"));
}

TEST(InjectTest, PodsAreFoundInWhatMakesThem) {
  const auto has = [](const char* text) {
    Json object = Json::parse(text);
    return PodOf(object) != nullptr;
  };
  EXPECT_TRUE(has(R"({"kind": "Pod", "spec": {}})"));
  EXPECT_TRUE(has(R"({"kind": "Deployment", "spec": {"template": {"spec": {}}}})"));
  EXPECT_TRUE(has(R"({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {}}}}})"));
  EXPECT_FALSE(has(R"({"kind": "Deployment", "spec": {}})"));
  EXPECT_FALSE(has(R"({"kind": "Service", "spec": {"template": {}}})"));
  EXPECT_FALSE(has(R"([])"));
}

}  // namespace
}  // namespace weft::inject
