#include "controlplane/ctl/crds.h"

#include "common/policy/fields.h"
#include "common/resource/choices.h"
#include "common/resource/document.h"
#include "controlplane/ctl/yaml.h"

namespace weft::ctl {
namespace {
namespace schema {

constexpr const char* kDuration = "^(0|([0-9]{1,5}(h|m|s|ms)){1,4})$";  // GEP-2257
constexpr int kMostText = 4096;

Json TextSchema() { return {{"type", "string"}, {"maxLength", kMostText}}; }
Json Whole(std::int64_t low, std::int64_t high) {
  return {{"type", "integer"}, {"format", "int64"}, {"minimum", low}, {"maximum", high}};
}
Json Real(double low, double high) { return {{"type", "number"}, {"minimum", low}, {"maximum", high}}; }
Json Flag() { return {{"type", "boolean"}}; }
Json ListOf(Json items, int least, int most) {
  return {{"type", "array"}, {"minItems", least}, {"maxItems", most}, {"items", std::move(items)}};
}
Json MapOf(Json values) { return {{"type", "object"}, {"additionalProperties", std::move(values)}}; }
Json ObjectOf(Json properties, std::vector<std::string> required = {}) {
  Json out = {{"type", "object"}};
  if (!required.empty()) out["required"] = std::move(required);
  out["properties"] = std::move(properties);
  return out;
}
// CEL, for what lies between fields.
Json With(Json schema, const char* rule, const char* message) {
  schema["x-kubernetes-validations"].push_back({{"rule", rule}, {"message", message}});
  return schema;
}

template <class T, std::size_t N>
Json OneOf(const std::array<resource::Choice<T>, N>& choices) {
  Json words = Json::array();
  for (const resource::Choice<T>& choice : choices) {
    if (!choice.reserved) words.push_back(choice.name);
  }
  return {{"type", "string"}, {"enum", std::move(words)}};
}

// By the type of the field and its limits.
Json FieldOf(const std::optional<bool>*, policy::NoLimits) { return Flag(); }
Json FieldOf(const std::optional<std::string>*, policy::NoLimits) { return TextSchema(); }
Json FieldOf(const std::optional<policy::Balancer>*, policy::NoLimits) { return OneOf(resource::kBalancers); }
Json FieldOf(const std::optional<policy::Mode>*, policy::NoLimits) { return OneOf(resource::kModes); }
Json FieldOf(const std::optional<policy::Limiter>*, policy::NoLimits) { return OneOf(resource::kLimiters); }
Json FieldOf(const std::optional<double>*, policy::Limits<double> limits) {
  return Real(limits.low, limits.high);
}
Json FieldOf(const std::optional<Duration>*, policy::Limits<Duration>) {
  return {{"type", "string"}, {"pattern", kDuration}};
}
template <class Integer>
Json FieldOf(const std::optional<Integer>*, policy::Limits<std::int64_t> limits) {
  return Whole(limits.low, limits.high);
}
Json FieldOf(const std::optional<std::uint32_t>*, policy::RetryOnNames) {
  return ListOf({{"x-kubernetes-int-or-string", true}}, 0, 64);
}
Json FieldOf(const std::optional<std::vector<policy::RateLimit>>*, policy::RateLimitList) {
  const Json limit = ObjectOf({{"name", TextSchema()},
                               {"per", OneOf(resource::kRateKeys)},
                               {"header", TextSchema()},
                               {"path", {{"type", "string"}, {"pattern", "^/"}, {"maxLength", kMostText}}},
                               {"requestsPerSecond", Real(0.001, 1e6)},
                               {"burst", Whole(1, 1'000'000)},
                               {"global", Flag()}},
                              {"name", "requestsPerSecond"});
  return ListOf(With(limit, "has(self.header) == (has(self.per) && self.per == 'header')",
                     "header goes with per: header, and only with it"),
                0, 16);
}

template <class Block>
Json BlockOf() {
  Json properties = Json::object();
  policy::VisitFields(
      static_cast<const Block*>(nullptr), [&](const std::string& name, auto field, auto, auto limits) {
        Json schema = FieldOf(static_cast<decltype(&(std::declval<Block&>().*field))>(nullptr), limits);
        const std::size_t dot = name.find('.');
        if (dot == std::string::npos) {
          properties[name] = std::move(schema);
          return;
        }
        Json& inner = properties[name.substr(0, dot)];
        if (inner.is_null()) inner = ObjectOf(Json::object());
        inner["properties"][name.substr(dot + 1)] = std::move(schema);
      });
  return ObjectOf(std::move(properties));
}

Json Policies() {
  Json out = Json::object();
  policy::VisitBlocks([&](const std::string& name, auto block, auto) {
    using Block = std::remove_reference_t<decltype(std::declval<policy::PolicySpec&>().*block)>;
    out[name] = BlockOf<Block>();
  });
  out["mtls"] = OneOf(resource::kMtlsModes);
  Json& balancer = out["loadBalancer"]["properties"];
  balancer["hashOn"] =
      With(balancer["hashOn"],
           "(has(self.header) ? 1 : 0) + (has(self.cookie) ? 1 : 0) + (has(self.query) ? 1 : 0) + "
           "(has(self.source) && self.source ? 1 : 0) <= 1",
           "has several keys: keep one of header, cookie, query and source");
  out["healthCheck"] =
      With(out["healthCheck"], "!(has(self.path) && has(self.tcp) && self.tcp)", "tcp excludes path");
  return out;
}

Json ServicePolicySpec() {
  Json properties = Policies();
  const Json target = With(
      ObjectOf({{"group", TextSchema()}, {"kind", TextSchema()}, {"name", TextSchema()}}, {"kind", "name"}),
      "self.kind == 'Service' ? !has(self.group) || self.group == '' : self.kind == 'MeshService' && "
      "has(self.group) && self.group == 'weft.dev'",
      "a target is {kind: Service, name} or {group: weft.dev, kind: MeshService, name}");
  properties["targetRefs"] = ListOf(target, 1, 16);
  return ObjectOf(std::move(properties), {"targetRefs"});
}

Json MeshServiceSpec() {
  const Json port = ObjectOf({{"name", TextSchema()},
                              {"port", Whole(1, 65535)},
                              {"protocol", OneOf(resource::kProtocols)},
                              {"opaque", Flag()},
                              {"proxyProtocol", OneOf(resource::kProxyProtocols)}},
                             {"port"});
  const Json capabilities = ObjectOf({{"meshed", Flag()}, {"http2", Flag()}, {"mtls", Flag()}});
  const Json id = {{"type", "string"}, {"minLength", 1}, {"maxLength", 253}};
  const Json instance = ObjectOf({{"id", id},
                                  {"address", {{"type", "string"}, {"maxLength", 45}}},
                                  {"port", Whole(1, 65535)},
                                  {"ports", MapOf(Whole(1, 65535))},
                                  {"weight", Whole(0, 1'000'000)},
                                  {"zone", {{"type", "string"}, {"maxLength", 253}}},
                                  {"labels", MapOf(TextSchema())},
                                  {"capabilities", capabilities}},
                                 {"id", "address"});
  const Json ports = With(ListOf(port, 1, 64), "self.size() == 1 || self.all(p, has(p.name))",
                          "with several ports each needs a name");
  return ObjectOf({{"ports", ports},
                   {"addresses", ListOf({{"type", "string"}, {"maxLength", 45}}, 0, 16)},
                   {"instances", ListOf(instance, 0, 10'000)}},
                  {"ports"});
}

Json Column(const char* name, const char* type, const char* path) {
  return {{"name", name}, {"type", type}, {"jsonPath", path}};
}

Json CrdOf(resource::Kind kind, Json spec, Json columns) {
  const std::string name(resource::ToString(kind)), plural(resource::Plural(kind));
  std::string singular = name;
  for (char& c : singular) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  Json schema = ObjectOf({{"apiVersion", {{"type", "string"}}},
                          {"kind", {{"type", "string"}}},
                          {"metadata", {{"type", "object"}}},
                          {"spec", std::move(spec)}},
                         {"spec"});
  if (kind == resource::Kind::kMeshDefaults)
    schema = With(std::move(schema), "self.metadata.name == 'default'",
                  "there is one for the mesh: call it default");
  columns.push_back(Column("Age", "date", ".metadata.creationTimestamp"));
  const Json version = {{"name", "v1"},
                        {"served", true},
                        {"storage", true},
                        {"additionalPrinterColumns", std::move(columns)},
                        {"schema", {{"openAPIV3Schema", std::move(schema)}}}};
  const bool namespaced = resource::IsNamespaced(kind);
  Json names = {{"kind", name},
                {"listKind", name + "List"},
                {"plural", plural},
                {"singular", singular},
                {"categories", Json::array({"weft"})}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", plural + ".weft.dev"}}},
          {"spec",
           {{"group", "weft.dev"},
            {"scope", namespaced ? "Namespaced" : "Cluster"},
            {"names", std::move(names)},
            {"versions", Json::array({version})}}}};
}

}  // namespace schema
}  // namespace

std::vector<Json> MakeCrds() {
  using schema::Column, schema::CrdOf;
  return {CrdOf(resource::Kind::kMeshService, schema::MeshServiceSpec(),
                Json::array({Column("Ports", "string", ".spec.ports[*].port"),
                             Column("Addresses", "string", ".spec.addresses[*]")})),
          CrdOf(resource::Kind::kServicePolicy, schema::ServicePolicySpec(),
                Json::array({Column("Targets", "string", ".spec.targetRefs[*].name"),
                             Column("Balancer", "string", ".spec.loadBalancer.policy"),
                             Column("mTLS", "string", ".spec.mtls")})),
          CrdOf(resource::Kind::kMeshDefaults, schema::ObjectOf(schema::Policies()),
                Json::array({Column("mTLS", "string", ".spec.mtls")}))};
}

}  // namespace weft::ctl
