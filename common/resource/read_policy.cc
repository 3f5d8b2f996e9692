#include "common/policy/fields.h"
#include "common/policy/merge.h"
#include "common/resource/choices.h"
#include "common/resource/schema.h"

namespace weft::resource {
namespace {

struct RetryName {
  std::string_view name;
  std::uint32_t bit;
};
constexpr std::array<RetryName, 13> kRetryNames = {
    {{"connectFailure", policy::kOnConnectFailure},
     {"reset", policy::kOnReset},
     {"attemptTimeout", policy::kOnAttemptTimeout},
     {"500", policy::kOn500},
     {"502", policy::kOn502},
     {"503", policy::kOn503},
     {"504", policy::kOn504},
     {"429", policy::kOn429},
     {"grpcCancelled", policy::kOnGrpcCancelled},
     {"grpcDeadlineExceeded", policy::kOnGrpcDeadlineExceeded},
     {"grpcResourceExhausted", policy::kOnGrpcResourceExhausted},
     {"grpcInternal", policy::kOnGrpcInternal},
     {"grpcUnavailable", policy::kOnGrpcUnavailable}}};

void ReadRetryOn(const Value& value, std::uint32_t& bits, std::vector<std::uint16_t>& codes) {
  std::string text;
  if (!Read(value, text)) return;
  for (const RetryName& known : kRetryNames) {
    if (known.name != text) continue;
    bits |= known.bit;
    return;
  }
  const bool is_code = text.size() == 3 && (text[0] == '4' || text[0] == '5') &&
                       text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_code) {
    value.Fail("\"" + text +
               "\" is no reason to retry: write connectFailure, reset, attemptTimeout, a status code from "
               "400 to 599, or a code of gRPC such as grpcUnavailable");
    return;
  }
  codes.push_back(static_cast<std::uint16_t>(std::stoi(text)));
}

template <class T, class Limits>
void ReadField(MapReader& map, std::string_view key, std::optional<T>& out, const Limits& limits) {
  if constexpr (std::is_same_v<T, policy::Balancer>) {
    map.Optional(key, out, kBalancers);
  } else if constexpr (std::is_same_v<T, policy::Mode>) {
    map.Optional(key, out, kModes);
  } else if constexpr (std::is_same_v<T, policy::Limiter>) {
    map.Optional(key, out, kLimiters);
  } else if constexpr (std::is_same_v<Limits, policy::NoLimits>) {
    map.Optional(key, out);
  } else {
    map.Optional(key, out, Between(limits.low, limits.high));
  }
}

void ReadField(MapReader& map, std::string_view key, std::optional<std::uint32_t>& out,
               policy::RetryOnNames) {
  map.List(key, [&](const Value& item) {
    std::vector<std::uint16_t> codes;  // read once more, with the spec at hand, by ReadRetryCodes
    std::uint32_t bits = out.value_or(0);
    ReadRetryOn(item, bits, codes);
    out = bits;
  });
}

bool IsFieldName(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || kMarks.find(c) != std::string_view::npos;
  });
}

policy::RateLimit ReadRateLimit(const Value& item) {
  policy::RateLimit out;
  item.Map([&](MapReader& map) {
    if (const auto name = map.Need("name")) ReadDnsLabel(*name, out.name, "name of a rate limit");
    map.Optional("per", out.per, kRateKeys);
    const bool by_header = out.per == policy::RateKey::kHeader;
    if (map.Optional("header", out.header) && !IsFieldName(out.header))
      map.Find("header")->Fail("is no name of a header");
    if (by_header && out.header.empty()) item.Fail("needs header, because it is per: header");
    if (!by_header && !out.header.empty()) item.FailAt("header", "does nothing without per: header");
    if (map.Optional("path", out.path) && !out.path.starts_with('/'))
      map.Find("path")->Fail("must begin with \"/\"");
    map.Required("requestsPerSecond", out.rate, Between(0.001, 1e6));
    const std::uint32_t least = out.rate > 1 ? static_cast<std::uint32_t>(out.rate) : 1;
    out.burst = least;
    map.Optional("burst", out.burst, Between<std::int64_t>(1, 1'000'000));
    if (map.Optional("global", out.global) && out.global && out.per != policy::RateKey::kService)
      item.FailAt("global", "is for per: service only: keys are counted at each instance");
  });
  return out;
}

void ReadField(MapReader& map, std::string_view key, std::optional<std::vector<policy::RateLimit>>& out,
               policy::RateLimitList) {
  std::vector<policy::RateLimit> limits;
  map.List(key, 16, [&](const Value& item) {
    policy::RateLimit limit = ReadRateLimit(item);
    if (std::any_of(limits.begin(), limits.end(), [&](const auto& l) { return l.name == limit.name; }))
      item.FailAt("name", "is used by another limit of the list");
    limits.push_back(std::move(limit));
  });
  if (map.Find(key)) out = std::move(limits);
}

// Fields of one block. `prefix` is empty for the block itself, "failureWeights." for the map inside it.
template <class Spec>
void ReadFields(MapReader& map, std::string_view prefix, Spec& spec) {
  std::string_view inner;
  policy::VisitFields(static_cast<const Spec*>(nullptr),
                      [&](std::string_view name, auto field, auto, auto limits) {
                        if (prefix.empty() && name.find('.') != std::string_view::npos) {
                          inner = name.substr(0, name.find('.') + 1);
                        } else if (name.starts_with(prefix)) {
                          ReadField(map, name.substr(prefix.size()), spec.*field, limits);
                        }
                      });
  if (!inner.empty()) {
    map.Map(inner.substr(0, inner.size() - 1), [&](MapReader& nested) { ReadFields(nested, inner, spec); });
  }
}

template <class Spec>
void ReadBlock(MapReader& map, Spec& spec) {
  ReadFields(map, {}, spec);
}

void ReadBlock(MapReader& map, policy::RetrySpec& spec) {
  ReadFields(map, {}, spec);
  const std::optional<Value> on = map.Find("on");
  if (!on || !on->node().is_list()) return;
  Problems ignored{std::string()};  // ReadFields has reported them
  std::uint32_t bits = 0;
  for (Node& item : on->node().items) ReadRetryOn(Value(item, ignored), bits, spec.codes);
  spec.on = bits;
}

void ReadBlock(MapReader& map, policy::ConnectionPoolSpec& spec) {
  map.Reserved("timeout", "timeouts.request bounds the whole request, timeouts.attempt each attempt");
  ReadFields(map, {}, spec);
  if (spec.http2.value_or(false)) {
    map.Find("http2")->Fail(
        "is reserved: the protocol of a port says it; declare HTTP2 or GRPC there and remove this",
        ErrorKind::kUnsupported);
  }
}

void ReadBlock(MapReader& map, policy::LoadBalancerSpec& spec) {
  ReadFields(map, {}, spec);
  const auto on = map.Find("hashOn");
  const int keys = spec.hash_header.has_value() + spec.hash_cookie.has_value() + spec.hash_query.has_value() +
                   spec.hash_source.value_or(false);
  if (on && keys > 1) on->Fail("has several keys: keep one of header, cookie, query and source");
  if (spec.hash_header && !IsFieldName(*spec.hash_header)) on->FailAt("header", "is no name of a header");
  if (spec.hash_cookie && !IsFieldName(*spec.hash_cookie)) on->FailAt("cookie", "is no name of a cookie");
  if (spec.hash_query && spec.hash_query->empty()) on->FailAt("query", "must not be empty");
}

void ReadBlock(MapReader& map, policy::ConcurrencySpec& spec) {
  ReadFields(map, {}, spec);
  if (spec.priority_header && !IsFieldName(*spec.priority_header))
    map.Find("priorityHeader")->Fail("is no name of a header");
}

void ReadBlock(MapReader& map, policy::HealthCheckSpec& spec) {
  ReadFields(map, {}, spec);
  if (spec.path && !spec.path->starts_with('/')) map.Find("path")->Fail("must begin with \"/\"");
}

Mark Locate(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const Node* child = node->Find(path.substr(0, dot));
    if (child == nullptr) break;
    node = child;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return node->mark;
}

void ReadMtls(MapReader& map, policy::PolicySpec& out) {
  std::string mode;
  if (!map.Optional("mtls", mode)) return;
  if (mode == "false") mode = "off";  // kubectl turns a bare off into false
  for (const Choice<policy::Mtls>& known : kMtlsModes) {
    if (known.name == mode) out.mtls = known.value;
  }
  if (!out.mtls)
    map.Find("mtls")->Fail("\"" + mode + "\" is no mode of mutual TLS: write off, permissive or strict");
}

void ReportContradictions(const Value& spec, const policy::PolicySpec& written) {
  const policy::Layer layer{&written, {}};
  for (const policy::Contradiction& found : policy::FindContradictions(policy::Merge({&layer, 1}))) {
    if (found.field == "healthCheck.enabled") continue;  // the path may come from another document
    spec.problems().Add(Locate(spec.node(), found.field), spec.Path() + '.' + found.field, found.text);
  }
}

}  // namespace

void ReadPolicyBlocks(MapReader& map, policy::PolicySpec& out) {
  policy::VisitBlocks([&](std::string_view name, auto block, auto) {
    map.Map(name, [&](MapReader& inner) { ReadBlock(inner, out.*block); });
  });
  ReadMtls(map, out);
  ReportContradictions(map.value(), out);
}

ServicePolicySpec ReadServicePolicy(const Value& spec) {
  ServicePolicySpec out;
  spec.Map([&](MapReader& map) {
    map.Need("targetRefs");
    map.List("targetRefs", 16, [&](const Value& item) {
      item.Map([&](MapReader& ref) {
        std::string group, kind, name;
        ref.Optional("group", group);
        ref.Required("kind", kind);
        const std::optional<Value> name_value = ref.Need("name");
        ref.Reserved("sectionName", "a policy holds for all ports of its service");
        if (name_value && ReadDnsLabel(*name_value, name, "name of a service")) out.targets.push_back(name);
        const bool known =
            (kind == "Service" && group.empty()) || (kind == "MeshService" && group == "weft.dev");
        if (!kind.empty() && !known) {
          item.Fail("a target is {kind: Service, name} or {group: weft.dev, kind: MeshService, name}");
        }
      });
    });
    const std::optional<Value> targets = map.Find("targetRefs");
    if (targets && targets->node().is_list() && targets->node().items.empty()) {
      targets->Fail("names no service: add one, or use MeshDefaults for all");
    }
    ReadPolicyBlocks(map, out.policy);
  });
  return out;
}

MeshDefaultsSpec ReadMeshDefaults(const Value& spec) {
  MeshDefaultsSpec out;
  spec.Map([&](MapReader& map) {
    map.Reserved("telemetry");
    ReadPolicyBlocks(map, out.policy);
  });
  return out;
}

}  // namespace weft::resource
