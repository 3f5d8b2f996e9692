#include "controlplane/app/settings.h"

#include <CLI/CLI.hpp>
#include <fstream>
#include <sstream>

#include "common/policy/merge.h"
#include "common/resource/reader.h"
#include "common/resource/text.h"

namespace weft::control {
namespace {

struct Value {
  std::string text;
  std::string origin;  // for messages: "--data", "WEFT_DATA", "control.yaml:3:7: data"
};

Error Bad(const Value& value, const std::string& why) { return Invalid(why, {}, value.origin); }

Status SetAddress(const Value& value, net::Address& out) {
  const auto parsed = net::Address::Parse(value.text);
  if (!parsed) return Bad(value, parsed.error().detail + "; write IP:PORT, 127.0.0.1:15014");
  out = *parsed;
  return {};
}

Status SetBool(const Value& value, bool& out) {
  if (value.text != "true" && value.text != "false")
    return Bad(value, "'" + value.text + "' is neither true nor false");
  out = value.text == "true";
  return {};
}

Status SetLevel(const Value& value, log::Level& out) {
  const auto level = log::ParseLevel(value.text);
  if (!level) return Bad(value, level.error().detail);
  out = *level;
  return {};
}

Status SetFormat(const Value& value, log::Format& out) {
  const auto format = log::ParseFormat(value.text);
  if (!format) return Bad(value, format.error().detail);
  out = *format;
  return {};
}

struct Bounds {
  Duration low, high;
  const char* text;
};
constexpr Bounds kQuotaBounds{std::chrono::seconds(2), std::chrono::hours(1),
                              "2s and 1h"};  // agents ask once a second
constexpr Bounds kReportBounds{std::chrono::milliseconds(100), std::chrono::hours(1), "100ms and 1h"};
constexpr Bounds kLeafBounds{std::chrono::seconds(5), std::chrono::hours(720), "5s and 720h"};
constexpr Bounds kRootBounds{std::chrono::minutes(1), std::chrono::hours(24 * 3650), "1m and 87600h"};
constexpr Bounds kLeadBounds{std::chrono::seconds(1), std::chrono::hours(720), "1s and 720h"};

Status SetSpan(const Value& value, const Bounds& bounds, Duration& out) {
  const auto span = resource::ParseDuration(value.text);
  if (!span) return Bad(value, span.error().detail);
  if (*span < bounds.low || *span > bounds.high)
    return Bad(value, "'" + value.text + "' is not between " + bounds.text);
  out = *span;
  return {};
}

Status SetText(const Value& value, std::string& out) {
  out = value.text;
  return {};
}

Status SetList(const Value& value, std::vector<std::string>& out) {
  out.clear();
  std::istringstream parts(value.text);
  for (std::string part; std::getline(parts, part, ',');) {
    if (!part.empty()) out.push_back(part);
  }
  return {};
}

// Every setting once: key in the file, flag, variable.
struct Row {
  const char* key;
  const char* flag;
  const char* variable;
  const char* help;
  Status (*set)(Settings&, const Value&);
  bool is_switch = false;  // its flag takes no value
};

constexpr Row kRows[] = {
    {"grpcListen", "--grpc-listen", "WEFT_GRPC_LISTEN", "gRPC for agents and API, IP:PORT (127.0.0.1:15010)",
     [](Settings& s, const Value& v) { return SetAddress(v, s.grpc); }},
    {"httpListen", "--http-listen", "WEFT_HTTP_LISTEN", "REST, metrics, health, IP:PORT (127.0.0.1:15014)",
     [](Settings& s, const Value& v) { return SetAddress(v, s.http); }},
    {"data", "--data", "WEFT_DATA", "Folder of the store (weft-data)",
     [](Settings& s, const Value& v) { return SetText(v, s.data); }},
    {"tokenFile", "--token-file", "WEFT_TOKEN_FILE", "Bearer tokens, one a line: SECRET NAME ROLE",
     [](Settings& s, const Value& v) { return SetText(v, s.token_file); }},
    {"tlsCert", "--tls-cert", "WEFT_TLS_CERT", "Certificate chain of both listeners, PEM file; watched",
     [](Settings& s, const Value& v) { return SetText(v, s.tls_cert); }},
    {"tlsKey", "--tls-key", "WEFT_TLS_KEY", "Its private key, PEM file",
     [](Settings& s, const Value& v) { return SetText(v, s.tls_key); }},
    {"clientCa", "--client-ca", "WEFT_CLIENT_CA",
     "CA of client certificates, PEM file; none: they are not asked for",
     [](Settings& s, const Value& v) { return SetText(v, s.client_ca); }},
    {"trustDomain", "--trust-domain", "WEFT_TRUST_DOMAIN", "Of agents' SPIFFE ids (mesh.local)",
     [](Settings& s, const Value& v) { return SetText(v, s.trust_domain); }},
    {"identity", "--identity", "WEFT_IDENTITY",
     "Be the mesh's CA: certificates for agents, TLS of both listeners",
     [](Settings& s, const Value& v) { return SetBool(v, s.identity.on); }, true},
    {"identityCaCert", "--identity-ca-cert", "WEFT_IDENTITY_CA_CERT",
     "Issue with this CA, its chain up to the root, PEM file; watched; none: an own root",
     [](Settings& s, const Value& v) { return SetText(v, s.identity.ca_cert); }},
    {"identityCaKey", "--identity-ca-key", "WEFT_IDENTITY_CA_KEY", "Its private key, PEM file",
     [](Settings& s, const Value& v) { return SetText(v, s.identity.ca_key); }},
    {"identityNames", "--identity-names", "WEFT_IDENTITY_NAMES",
     "Names and addresses under which agents and users reach this program, separated by commas",
     [](Settings& s, const Value& v) { return SetList(v, s.identity.names); }},
    {"identityLifetime", "--identity-lifetime", "WEFT_IDENTITY_LIFETIME", "Life of a certificate (24h)",
     [](Settings& s, const Value& v) { return SetSpan(v, kLeafBounds, s.identity.leaf); }},
    {"identityRootLifetime", "--identity-root-lifetime", "WEFT_IDENTITY_ROOT_LIFETIME",
     "Life of an own root (8760h)",
     [](Settings& s, const Value& v) { return SetSpan(v, kRootBounds, s.identity.root); }},
    {"identityRootLead", "--identity-root-lead", "WEFT_IDENTITY_ROOT_LEAD",
     "A new root is known to everybody so long before it issues (1h)",
     [](Settings& s, const Value& v) { return SetSpan(v, kLeadBounds, s.identity.lead); }},
    {"insecure", "--insecure", "WEFT_INSECURE", "Serve everybody without credentials",
     [](Settings& s, const Value& v) { return SetBool(v, s.insecure); }, true},
    {"allowExposedSecrets", "--allow-exposed-secrets", "WEFT_ALLOW_EXPOSED_SECRETS",
     "Take a key or token file that others than its owner may read",
     [](Settings& s, const Value& v) { return SetBool(v, s.allow_exposed_secrets); }, true},
    {"metricsAuth", "--metrics-auth", "WEFT_METRICS_AUTH", "/metrics needs credentials that may read, too",
     [](Settings& s, const Value& v) { return SetBool(v, s.metrics_auth); }, true},
    {"resources", "--resources", "WEFT_RESOURCES",
     "Files or folders of resources, separated by commas; watched",
     [](Settings& s, const Value& v) { return SetList(v, s.resources); }},
    {"eventsWebhook", "--events-webhook", "WEFT_EVENTS_WEBHOOK", "Post events to this URL, as JSON",
     [](Settings& s, const Value& v) { return SetText(v, s.events_webhook); }},
    {"portsFile", "--ports-file", "WEFT_PORTS_FILE", "Write the ports here as JSON once all are bound",
     [](Settings& s, const Value& v) { return SetText(v, s.ports_file); }},
    {"quotaLease", "--quota-lease", "WEFT_QUOTA_LEASE", "Of an agent's share of a global rate limit (10s)",
     [](Settings& s, const Value& v) { return SetSpan(v, kQuotaBounds, s.quota_lease); }},
    {"reportInterval", "--report-interval", "WEFT_REPORT_INTERVAL", "Between the reports of an agent (10s)",
     [](Settings& s, const Value& v) { return SetSpan(v, kReportBounds, s.report_interval); }},
    {"logLevel", "--log-level", "WEFT_LOG_LEVEL", "debug, info, warn or error (info)",
     [](Settings& s, const Value& v) { return SetLevel(v, s.log.level); }},
    {"logFormat", "--log-format", "WEFT_LOG_FORMAT", "text or json (text)",
     [](Settings& s, const Value& v) { return SetFormat(v, s.log.format); }},
};

using Values = std::map<std::string, Value>;  // by key

Status ReadFile(const std::string& name, Values& values, Settings& settings) {
  std::ifstream file(name);
  std::ostringstream text;
  if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf()))) {
    return Invalid("cannot read the settings file", {}, name);
  }
  resource::Problems problems(name);
  resource::Node tree;
  if (!resource::ParseYaml(text.str(), 1, tree, problems)) return problems.errors().front();
  if (tree.is_null()) return {};
  if (!tree.is_map()) return Invalid("a settings file is a map of keys", {}, problems.Where(tree.mark));
  const resource::Value root(tree, problems);
  for (resource::Member& member : tree.members) {
    if (member.key == "discovery") {
      ReadDiscovery(resource::Value(member.value, root, "discovery"), settings.discovery);
      if (!problems.errors().empty()) return problems.errors().front();
      continue;
    }
    if (member.key == "kubernetes") {
      ReadKubernetes(resource::Value(member.value, root, "kubernetes"), settings.kubernetes);
      if (!problems.errors().empty()) return problems.errors().front();
      continue;
    }
    const auto known = [&member](const Row& row) { return member.key == row.key; };
    if (std::none_of(std::begin(kRows), std::end(kRows), known)) {
      return Invalid("is not known here; docs/operations.md lists the keys", member.key,
                     problems.Where(member.mark));
    }
    Value value{member.value.text, problems.Where(member.value.mark) + ": " + member.key};
    if (member.value.is_map())
      return Invalid("must not be a map", member.key, problems.Where(member.value.mark));
    for (const resource::Node& item : member.value.items)
      value.text += (value.text.empty() ? "" : ",") + item.text;
    values[member.key] = std::move(value);
  }
  return {};
}

Status ReadEnvironment(const std::map<std::string, std::string>& environment, Values& values) {
  for (const auto& [name, text] : environment) {
    if (!name.starts_with("WEFT_")) continue;
    for (const Row& row : kRows) {
      if (name == row.variable) values[row.key] = {text, name};
    }
  }
  return {};
}

struct Flags {
  std::map<std::string, std::string> texts;  // by flag
  std::string config;
};

void Declare(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", std::string("weft-control ") + WEFT_VERSION);
  app.add_option("--config", flags.config, "Settings file (YAML)");
  for (const Row& row : kRows) {
    if (row.is_switch) {
      app.add_flag(row.flag, row.help);
    } else {
      app.add_option(row.flag, flags.texts[row.flag], row.help);
    }
  }
  app.footer("Each flag is also a WEFT_ variable (WEFT_HTTP_LISTEN) and a key of the file (httpListen).");
}

Result<Settings> Resolve(const CLI::App& app, const Flags& flags,
                         const std::map<std::string, std::string>& environment) {
  Values values;
  const auto config = environment.find("WEFT_CONFIG");
  const std::string file = !flags.config.empty()         ? flags.config
                           : config == environment.end() ? ""
                                                         : config->second;
  Settings settings;
  if (!file.empty()) {
    if (auto ok = ReadFile(file, values, settings); !ok) return ok.error();
  }
  if (auto ok = ReadEnvironment(environment, values); !ok) return ok.error();
  for (const Row& row : kRows) {
    if (app.count(row.flag) == 0) continue;
    values[row.key] = {row.is_switch ? "true" : flags.texts.at(row.flag), row.flag};
  }
  for (const Row& row : kRows) {
    const auto value = values.find(row.key);
    if (value == values.end()) continue;
    if (auto ok = row.set(settings, value->second); !ok) return ok.error();
  }
  const IdentitySettings& identity = settings.identity;
  if (identity.root < 10 * identity.leaf || identity.root < 10 * identity.lead)
    return Invalid("is shorter than ten times identityLifetime or identityRootLead", "identityRootLifetime");
  auto spec = policy::FromEnvironment(environment);
  if (!spec) return spec.error();
  settings.environment = std::move(*spec);
  return settings;
}

}  // namespace

Parsed ParseCommandLine(int argc, const char* const* argv,
                        const std::map<std::string, std::string>& environment) {
  CLI::App app("The control plane of the Weft service mesh", "weft-control");
  Flags flags;
  Declare(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    std::ostringstream out, err;
    const int status = app.exit(stop, out, err);
    return {std::nullopt, status, out.str() + err.str()};
  }
  auto settings = Resolve(app, flags, environment);
  if (!settings) return {std::nullopt, 2, "weft-control: " + settings.error().Text() + "\n"};
  return {std::move(*settings), 0, {}};
}

}  // namespace weft::control
