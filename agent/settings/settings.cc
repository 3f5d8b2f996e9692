#include "agent/settings/settings.h"

#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <sstream>

#include "agent/settings/tree.h"

namespace weft::settings {
namespace {

using Problem = std::optional<Error>;

// Reads one map: what nobody asked for when it ends is an unknown key.
class Reader {
 public:
  Reader(Tree& tree, std::string path, Problem& problem)
      : tree_(tree), path_(std::move(path)), problem_(problem) {
    if (tree_.kind != Tree::Kind::kMap && tree_.kind != Tree::Kind::kNull) Fail(tree_, "", "must be a map");
  }

  using Into = std::function<void(Tree&, const std::string&)>;
  Reader& Field(std::string_view key, const Into& read) {
    known_.emplace_back(key);
    Tree* found = tree_.Find(key);
    if (found != nullptr && found->kind != Tree::Kind::kNull && !problem_) read(*found, Join(key));
    return *this;
  }
  Reader& Map(std::string_view key, const std::function<void(Reader&)>& read) {
    return Field(key, [&](Tree& tree, const std::string& path) {
      Reader inner(tree, path, problem_);
      read(inner);
      inner.Finish();
    });
  }
  Reader& Maps(std::string_view key, const std::function<void(Reader&)>& read) {
    return List(key, [&](Tree& tree, const std::string& path) {
      Reader inner(tree, path, problem_);
      read(inner);
      inner.Finish();
    });
  }
  Reader& List(std::string_view key, const Into& read) {
    return Field(key, [&](Tree& tree, const std::string& path) {
      if (tree.kind != Tree::Kind::kList) return FailAt(tree, path, "must be a list");
      for (std::size_t i = 0; i < tree.items.size() && !problem_; ++i) {
        read(tree.items[i], path + "[" + std::to_string(i) + "]");
      }
    });
  }
  template <class T, class Parse>
  Reader& Value(std::string_view key, T& out, const Parse& parse) {
    return Field(key, [&](Tree& tree, const std::string& path) { Read(tree, path, out, parse); });
  }
  template <class T, class Parse>
  Reader& Values(std::string_view key, std::vector<T>& out, const Parse& parse) {
    return List(key,
                [&](Tree& tree, const std::string& path) { Read(tree, path, out.emplace_back(), parse); });
  }
  // A field that has to be there.
  Reader& Require(std::string_view key) {
    if (tree_.Find(key) == nullptr) Fail(tree_, key, "is required");
    return *this;
  }
  void Fail(const Tree& tree, std::string_view key, std::string detail) {
    FailAt(tree, Join(key), std::move(detail));
  }
  void Check(bool holds, std::string_view key, std::string detail) {
    const Tree* found = tree_.Find(key);
    if (!holds) Fail(found ? *found : tree_, key, std::move(detail));
  }
  void Finish() {
    for (const auto& [key, value] : tree_.members) {
      if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
        Fail(value, key, "is unknown; here may stand " + Known());
      }
    }
  }
  Tree& tree() { return tree_; }

 private:
  std::string Join(std::string_view key) const {
    if (key.empty()) return path_;
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }
  void FailAt(const Tree& tree, const std::string& path, std::string detail) {
    if (!problem_) problem_ = Invalid(std::move(detail), path, tree.where);
  }
  template <class T, class Parse>
  void Read(Tree& tree, const std::string& path, T& out, const Parse& parse) {
    if (tree.kind != Tree::Kind::kScalar) return FailAt(tree, path, "must be a single value");
    auto value = parse(tree.text);
    if (value) out = std::move(*value);
    if (!value) FailAt(tree, path, value.error().detail);
  }
  std::string Known() const {
    std::string list;
    for (const std::string& key : known_) list += (list.empty() ? "" : ", ") + key;
    return list;
  }

  Tree& tree_;
  std::string path_;
  Problem& problem_;
  std::vector<std::string> known_;
};

std::string Quoted(const std::string& text) { return "'" + text.substr(0, 80) + "'"; }

Result<std::string> Text(const std::string& text) { return text; }

Result<std::string> Label(const std::string& text) {
  if (!IsDnsLabel(text))
    return Invalid(Quoted(text) + " must be lower-case letters, digits and '-', at most 63");
  return text;
}

Result<bool> Bool(const std::string& text) {
  if (text != "true" && text != "false") return Invalid(Quoted(text) + " must be true or false");
  return text == "true";
}

Result<double> Leading(const std::string& text, std::string_view& unit) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !(number >= 0)) return Invalid(Quoted(text) + " is no number");
  unit = std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end));
  return number;
}

Result<Duration> Span(const std::string& text) {
  std::string_view unit;
  const Result<double> number = Leading(text, unit);
  static constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {
      {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  for (const auto& [name, ns] : kUnits) {
    if (number && unit == name && *number * ns < 3e18) return Duration(std::llround(*number * ns));
  }
  if (number && *number == 0 && unit.empty()) return Duration::zero();
  return Invalid(Quoted(text) + " is no duration; write for example 500ms, 10s, 5m or 24h");
}

Result<std::uint64_t> Bytes(const std::string& text) {
  std::string_view unit;
  const Result<double> number = Leading(text, unit);
  static constexpr std::array<std::pair<std::string_view, double>, 5> kUnits = {
      {{"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}};
  for (const auto& [name, factor] : kUnits) {
    if (number && unit == name && *number * factor < 1e15)
      return static_cast<std::uint64_t>(*number * factor);
  }
  return Invalid(Quoted(text) + " is no size; write for example 65536, 64KiB or 16MiB");
}

auto Number(std::uint32_t low, std::uint32_t high) {
  return [low, high](const std::string& text) -> Result<std::uint32_t> {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < low || number > high) {
      return Invalid(Quoted(text) + " must be a whole number from " + std::to_string(low) + " to " +
                     std::to_string(high));
    }
    return number;
  };
}

template <class E>
auto OneOf(std::vector<std::pair<std::string, E>> choices) {
  return [choices = std::move(choices)](const std::string& text) -> Result<E> {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == text) return value;
      names += (names.empty() ? "" : ", ") + name;
    }
    return Invalid(Quoted(text) + " must be one of " + names);
  };
}

Result<net::Address> Listen(const std::string& text) { return net::Address::Parse(text); }
Result<std::optional<net::Address>> MaybeAddress(const std::string& text) {
  const Result<net::Address> address = net::Address::Parse(text);
  if (!address) return address.error();
  return std::optional<net::Address>(*address);
}
Result<ServiceKey> Service(const std::string& text) { return ServiceKey::Parse(text); }
Result<std::optional<ServiceKey>> MaybeService(const std::string& text) {
  const Result<ServiceKey> key = ServiceKey::Parse(text);
  if (!key) return key.error();
  return std::optional<ServiceKey>(*key);
}
Result<std::string> HostAndPort(const std::string& text) {
  const Result<net::HostPort> parsed = net::HostPort::Parse(text);
  if (!parsed) return parsed.error();
  return text;
}

void ReadNode(Reader& in, Node& out) {
  in.Value("id", out.id, Text).Value("cluster", out.cluster, Label).Value("namespace", out.ns, Label);
  in.Value("service", out.service, Label).Value("zone", out.zone, Text);
  in.Field("labels", [&](Tree& tree, const std::string& path) {
    (void)path;
    if (tree.kind != Tree::Kind::kMap) return in.Fail(tree, "labels", "must be a map");
    for (auto& [name, value] : tree.members) {
      if (value.kind != Tree::Kind::kScalar) in.Fail(value, "labels." + name, "must be a single value");
      out.labels[name] = value.text;
    }
  });
}

void ReadOutbound(Reader& in, Outbound& out) {
  in.Value("listen", out.listen, MaybeAddress).Value("transparent", out.transparent, Bool);
  in.Maps("services", [&](Reader& one) {
    LocalService& service = out.services.emplace_back();
    one.Value("listen", service.listen, Listen).Value("service", service.service, Service);
    one.Value("port", service.port, Text).Require("listen").Require("service");
    one.Map("proxyProtocol", [&](Reader& proxy) { proxy.Value("accept", service.accept_proxy, Bool); });
  });
  in.Map("egress", [&](Reader& egress) { egress.Values("allow", out.egress_allow, Text); });
  in.Values("opaquePorts", out.opaque_ports, net::PortRange::Parse);
  in.Check(out.opaque_ports.empty() || out.transparent, "opaquePorts", "is of a transparent listener");
  in.Check(!out.transparent || out.listen, "transparent", "needs outbound.listen");
}

void ReadInbound(Reader& in, Inbound& out) {
  in.Value("listen", out.listen, Listen).Value("transparent", out.transparent, Bool);
  in.Value("forward", out.forward, MaybeAddress).Value("service", out.service, MaybeService);
  in.Value("port", out.port, Text).Require("listen");
  in.Map("proxyProtocol", [&](Reader& proxy) {
    proxy.Value("accept", out.accept_proxy, Bool);
    proxy.Value(
        "send", out.send_proxy,
        OneOf<std::uint8_t>({{"none", std::uint8_t{0}}, {"v1", std::uint8_t{1}}, {"v2", std::uint8_t{2}}}));
  });
  in.Values("opaquePorts", out.opaque_ports, net::PortRange::Parse);
  in.Check(out.opaque_ports.empty() || out.transparent, "opaquePorts", "is of a transparent listener");
  in.Check(out.transparent != out.forward.has_value(), "forward",
           "an inbound listener has either forward: ADDRESS or transparent: true");
}

void ReadLimits(Reader& in, Limits& out) {
  in.Value("requestHead", out.request_head, Span).Value("headerBytes", out.header_bytes, Bytes);
  in.Value("headers", out.headers, Number(1, 10000)).Value("clientIdle", out.client_idle, Span);
  in.Value("connections", out.connections, Number(0, 10000000));
  in.Check(out.header_bytes >= 1024 && out.header_bytes <= (1U << 20U), "headerBytes",
           "must be 1KiB to 1MiB");
}

void ReadLogs(Reader& in, Settings& out) {
  in.Map("accessLog", [&](Reader& log) {
    log.Value("format", out.access_log,
              OneOf<AccessLogFormat>({{"none", AccessLogFormat::kNone},
                                      {"text", AccessLogFormat::kText},
                                      {"json", AccessLogFormat::kJson}}));
    log.Value("path", out.access_log_path, Text);
  });
  in.Map("record", [&](Reader& record) {
    record.Value("path", out.record_path, Text).Value("maxBytes", out.record_max_bytes, Bytes);
  });
  in.Map("log", [&](Reader& log) {
    log.Value("level", out.log_level,
              OneOf<LogLevel>({{"trace", LogLevel::kTrace},
                               {"debug", LogLevel::kDebug},
                               {"info", LogLevel::kInfo},
                               {"warn", LogLevel::kWarn},
                               {"error", LogLevel::kError}}));
    log.Value("format", out.log_json, OneOf<bool>({{"text", false}, {"json", true}}));
  });
  in.Map("decisions", [&](Reader& decisions) {
    decisions.Value("bytes", out.decision_bytes, Bytes);
    decisions.Check(out.decision_bytes >= 4096, "bytes", "must be at least 4KiB");
  });
}

// What an identity needs besides its own block.
void CheckIdentity(Reader& in, const Settings& out) {
  if (!out.identity) return;
  in.Check(!out.node.service.empty(), "identity", "needs node.service: that is what the certificate says");
  const ControlPlane* control = out.control_plane ? &*out.control_plane : nullptr;
  in.Check(control != nullptr && !control->ca.empty(), "identity",
           "needs controlPlane with ca: the roots.pem of its CA, or `weftctl identity roots`");
  in.Check(control == nullptr || (control->cert.empty() && control->token_file.empty()), "identity",
           "takes the place of controlPlane.cert, key and tokenFile; leave those out");
  in.Check(out.identity->cache_key_file.empty() || !out.cache_path.empty(), "identity",
           "cacheKeyFile needs cache.path: the identity is kept beside the configuration");
}

void ReadSettings(Reader& in, Settings& out) {
  in.Map("node", [&](Reader& node) { ReadNode(node, out.node); });
  in.Map("controlPlane", [&](Reader& control) {
    out.control_plane.emplace();
    control.Value("address", out.control_plane->address, HostAndPort);
    control.Value("tokenFile", out.control_plane->token_file, Text).Require("address");
    control.Value("ca", out.control_plane->ca, Text).Value("cert", out.control_plane->cert, Text);
    control.Value("key", out.control_plane->key, Text)
        .Value("serverName", out.control_plane->server_name, Text);
    control.Check(out.control_plane->cert.empty() == out.control_plane->key.empty(), "cert",
                  "goes with key: give both files or neither");
    control.Check(!out.control_plane->ca.empty() ||
                      (out.control_plane->cert.empty() && out.control_plane->server_name.empty()),
                  "ca", "is needed for cert, key and serverName: the CA of the control plane's certificate");
  });
  in.Map("identity", [&](Reader& identity) {
    Identity& one = out.identity.emplace();
    identity.Value("joinToken", one.join_token, Text).Value("joinTokenFile", one.join_token_file, Text);
    identity.Value("cacheKeyFile", one.cache_key_file, Text);
    identity.Value("minTlsVersion", one.tls12, OneOf<bool>({{"1.3", false}, {"1.2", true}}));
    identity.Check(one.join_token.empty() || one.join_token_file.empty(), "joinToken",
                   "give it or joinTokenFile, not both");
  });
  in.Values("resources", out.resources, Text).Value("workers", out.workers, Number(1, 64));
  in.Map("outbound", [&](Reader& outbound) { ReadOutbound(outbound, out.outbound); });
  in.Maps("inbound", [&](Reader& inbound) { ReadInbound(inbound, out.inbound.emplace_back()); });
  in.Map("admin", [&](Reader& admin) {
    admin.Value("listen", out.admin, Listen);
    admin.Check(out.admin.ip.IsLoopback(), "listen",
                "must be a loopback address: the admin server has no login");
  });
  in.Map("telemetry", [&](Reader& telemetry) { telemetry.Value("listen", out.telemetry, Listen); });
  in.Map("cache", [&](Reader& cache) {
    cache.Value("path", out.cache_path, Text).Value("maxAge", out.cache_max_age, Span).Require("path");
  });
  in.Map("drain", [&](Reader& drain) { drain.Value("deadline", out.drain_deadline, Span); });
  in.Map("limits", [&](Reader& limits) { ReadLimits(limits, out.limits); });
  ReadLogs(in, out);
  CheckIdentity(in, out);
  in.Check(out.resources.empty() != !out.control_plane.has_value(), "controlPlane",
           "give either controlPlane: {address: HOST:PORT} or resources: [FILE, …], and not both");
}

// "outbound.listen" -> "WEFT_OUTBOUND_LISTEN", "controlPlane.tokenFile" -> "WEFT_CONTROL_PLANE_TOKEN_FILE".
std::string VariableOf(std::string_view path) {
  std::string out = "WEFT_";
  for (const char c : path) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) out += '_';
    out += c == '.' ? '_' : static_cast<char>(upper || c < 'a' ? c : c - 'a' + 'A');
  }
  return out;
}

constexpr std::array<std::string_view, 36> kScalars = {"node.id",
                                                       "node.cluster",
                                                       "node.namespace",
                                                       "node.service",
                                                       "node.zone",
                                                       "controlPlane.address",
                                                       "controlPlane.tokenFile",
                                                       "controlPlane.ca",
                                                       "controlPlane.cert",
                                                       "controlPlane.key",
                                                       "controlPlane.serverName",
                                                       "identity.joinToken",
                                                       "identity.joinTokenFile",
                                                       "identity.cacheKeyFile",
                                                       "identity.minTlsVersion",
                                                       "workers",
                                                       "outbound.listen",
                                                       "outbound.transparent",
                                                       "admin.listen",
                                                       "telemetry.listen",
                                                       "cache.path",
                                                       "cache.maxAge",
                                                       "drain.deadline",
                                                       "limits.requestHead",
                                                       "limits.headerBytes",
                                                       "limits.headers",
                                                       "limits.clientIdle",
                                                       "limits.connections",
                                                       "accessLog.format",
                                                       "accessLog.path",
                                                       "record.path",
                                                       "record.maxBytes",
                                                       "log.level",
                                                       "log.format",
                                                       "decisions.bytes",
                                                       "config"};

// What Kubernetes sets in every container of a namespace for a service called weft-something:
// WEFT_SOMETHING_SERVICE_HOST, _SERVICE_PORT…, _PORT….
bool IsServiceLink(const std::string& name, const std::map<std::string, std::string>& variables) {
  static constexpr std::string_view kHost = "_SERVICE_HOST";
  return std::any_of(variables.begin(), variables.end(), [&](const auto& variable) {
    std::string_view service = variable.first;
    if (!service.ends_with(kHost) || !name.starts_with(service.substr(0, service.size() - kHost.size())))
      return false;
    const std::string_view rest = std::string_view(name).substr(service.size() - kHost.size());
    return rest.starts_with("_SERVICE_") || rest.starts_with("_PORT");
  });
}

}  // namespace

Result<std::vector<Override>> FromEnvironment(const std::map<std::string, std::string>& variables,
                                              const std::vector<std::string>& others) {
  std::vector<Override> out;
  for (const auto& [name, value] : variables) {
    if (!name.starts_with("WEFT_") || std::find(others.begin(), others.end(), name) != others.end()) continue;
    const auto known = std::find_if(kScalars.begin(), kScalars.end(),
                                    [&variable = name](auto path) { return VariableOf(path) == variable; });
    if (known == kScalars.end() && IsServiceLink(name, variables)) continue;
    if (known == kScalars.end())
      return Invalid("is no setting of weft-agent; unset it or correct its name", {}, name);
    if (*known != "config") out.push_back({std::string(*known), value, name});
  }
  return out;
}

Result<Duration> ParseSpan(const std::string& text) { return Span(text); }

Result<Settings> Parse(std::string_view text, const std::string& file,
                       const std::vector<Override>& overrides) {
  Result<Tree> tree = ParseTree(text, file);
  if (!tree) return tree.error();
  if (tree->where.empty()) tree->where = file;
  for (const Override& one : overrides) {
    if (Status put = PutScalar(*tree, one.path, one.value, one.origin); !put) return put.error();
  }
  Settings settings;
  Problem problem;
  Reader reader(*tree, {}, problem);
  ReadSettings(reader, settings);
  reader.Finish();
  if (problem) return *problem;
  return settings;
}

Result<Settings> Load(const std::string& file, const std::vector<Override>& overrides) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    return Error{ErrorKind::kNotFound, "cannot be read; give the agent's file with --config FILE", {}, file};
  }
  return Parse(text.str(), file, overrides);
}

}  // namespace weft::settings
