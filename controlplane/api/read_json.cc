// Bodies of PUT to messages: typed field by field, unknown keys refused, each error with its field.
#include <nlohmann/json.hpp>
#include <set>

#include "controlplane/api/json.h"
#include "controlplane/api/text.h"

namespace weft::api {
namespace {

constexpr int kDeepest = 32;

// Reads an object's members and remembers the first error; Done() refuses what nobody asked for.
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
    if (!json.is_object()) Fail("must be an object", {});
  }

  const Json* Get(const char* key) {
    known_.insert(key);
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string String(const char* key) {
    const Json* value = Get(key);
    if (value == nullptr) return {};
    if (value->is_string()) return value->get<std::string>();
    Fail("must be a text", key);
    return {};
  }
  std::uint32_t Number(const char* key, std::uint32_t absent) {
    const Json* value = Get(key);
    if (value == nullptr) return absent;
    if (value->is_number_unsigned() && value->get<std::uint64_t>() <= 0xffffffffU)
      return value->get<std::uint32_t>();
    Fail("must be a whole number that is not negative", key);
    return absent;
  }
  bool Bool(const char* key) {
    const Json* value = Get(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) Fail("must be true or false", key);
    return value->is_boolean() && value->get<bool>();
  }
  void Fail(std::string detail, const std::string& key) {
    if (!error_)
      error_ = Invalid(std::move(detail), path_.empty() || key.empty() ? path_ + key : path_ + "." + key);
  }
  void Take(const std::optional<Error>& inner) {
    if (inner && !error_) error_ = inner;
  }
  std::optional<Error> Done() {
    if (!error_ && json_.is_object()) {
      for (const auto& [key, value] : json_.items()) {
        if (!known_.contains(key)) Fail("is not known here", key);
      }
    }
    return error_;
  }

 private:
  const Json& json_;
  std::string path_;
  std::set<std::string> known_;
  std::optional<Error> error_;
};

template <class Proto>
void ReadLabels(ObjectReader& reader, Proto& out) {
  const Json* labels = reader.Get("labels");
  if (labels == nullptr) return;
  if (!labels->is_object()) return reader.Fail("must be an object", "labels");
  std::map<std::string, std::string> sorted;
  for (const auto& [key, value] : labels->items()) {
    if (!value.is_string()) return reader.Fail("must be a text", "labels." + key);
    sorted[key] = value.template get<std::string>();
  }
  for (const auto& [key, value] : sorted) {
    v1::Label& label = *out.add_labels();
    label.set_name(key);
    label.set_value(value);
  }
}

std::optional<Error> ReadPort(const Json& json, const std::string& path, v1::ServicePort& out) {
  ObjectReader reader(json, path);
  out.set_name(reader.String("name"));
  out.set_port(reader.Number("port", 0));
  const auto protocol = ParseProtocol(reader.String("protocol"));
  if (!protocol) reader.Fail(protocol.error().detail, "protocol");
  if (protocol) out.set_protocol(*protocol);
  if (reader.Get("opaque") != nullptr) out.set_opaque(reader.Bool("opaque"));
  const auto header = ParseProxyProtocol(reader.String("proxyProtocol"));
  if (!header) reader.Fail(header.error().detail, "proxyProtocol");
  if (header) out.set_proxy_protocol(*header);
  return reader.Done();
}

void ReadNamedPorts(ObjectReader& reader, v1::Instance& out) {
  const Json* ports = reader.Get("ports");
  if (ports == nullptr) return;
  if (!ports->is_object()) return reader.Fail("must be an object of port numbers by name", "ports");
  std::map<std::string, std::uint32_t> sorted;
  for (const auto& [key, value] : ports->items()) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 65535)
      return reader.Fail("must be a port, 1 to 65535", "ports." + key);
    sorted[key] = value.get<std::uint32_t>();
  }
  for (const auto& [key, value] : sorted) {
    v1::PortNumber& port = *out.add_ports();
    port.set_name(key);
    port.set_port(value);
  }
}

void ReadCapabilities(ObjectReader& reader, v1::Instance& out) {
  const Json* json = reader.Get("capabilities");
  if (json == nullptr) return;
  ObjectReader inner(*json, "capabilities");
  out.set_meshed(inner.Bool("meshed"));
  out.set_http2(inner.Bool("http2"));
  out.set_mtls(inner.Bool("mtls"));
  reader.Take(inner.Done());
}

void ReadHealth(ObjectReader& reader, v1::Instance& out) {
  static const std::map<std::string, v1::Declared> kNames = {{"", v1::DECLARED_UNKNOWN},
                                                             {"unknown", v1::DECLARED_UNKNOWN},
                                                             {"healthy", v1::DECLARED_HEALTHY},
                                                             {"degraded", v1::DECLARED_DEGRADED},
                                                             {"unhealthy", v1::DECLARED_UNHEALTHY}};
  const auto found = kNames.find(reader.String("health"));
  if (found == kNames.end()) return reader.Fail("is unknown, healthy, degraded or unhealthy", "health");
  out.set_declared(found->second);
}

}  // namespace

Status ParseJson(std::string_view text, Json& json) {
  std::vector<std::set<std::string>> keys;
  std::string problem;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepest) problem = "the body is nested deeper than 32 levels";
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      problem = "the key '" + parsed.get<std::string>() + "' stands twice";
    }
    return problem.empty();
  };
  try {
    json = Json::parse(text, watch);
    if (!problem.empty()) return Invalid(problem);
    return {};
  } catch (const nlohmann::json::exception& failure) {
    return Invalid(std::string("the body is not JSON: ") + failure.what());
  }
}

Result<v1::Service> ReadService(std::string_view body) {
  Json json;
  if (auto ok = ParseJson(body, json); !ok) return ok.error();
  v1::Service out;
  ObjectReader reader(json, {});
  for (const char* said : {"instances", "healthy", "source", "conditions", "revision", "etag"})
    reader.Get(said);  // of an answer sent back
  out.set_namespace_(reader.String("namespace"));
  out.set_name(reader.String("name"));
  ReadLabels(reader, out);
  if (const Json* ports = reader.Get("ports"); ports != nullptr && ports->is_array()) {
    for (std::size_t i = 0; i < ports->size(); ++i)
      reader.Take(ReadPort((*ports)[i], "ports[" + std::to_string(i) + "]", *out.add_ports()));
  } else {
    reader.Fail("must be a list of {name, port, protocol, opaque, proxyProtocol}", "ports");
  }
  if (auto error = reader.Done()) return *error;
  return out;
}

Result<v1::RegisteredInstance> ReadInstance(std::string_view body) {
  Json json;
  if (auto ok = ParseJson(body, json); !ok) return ok.error();
  v1::RegisteredInstance out;
  v1::Instance& instance = *out.mutable_instance();
  ObjectReader reader(json, {});
  for (const char* said : {"expiresInMs", "source", "staleMs", "endpointsVersion", "etag"})
    reader.Get(said);  // of an answer sent back
  out.set_namespace_(reader.String("namespace"));
  out.set_service(reader.String("service"));
  instance.set_id(reader.String("id"));
  instance.set_address(reader.String("address"));
  instance.set_port(reader.Number("port", 0));
  instance.set_weight(reader.Number("weight", 1));
  instance.set_zone(reader.String("zone"));
  instance.set_draining(reader.Bool("draining"));
  ReadNamedPorts(reader, instance);
  ReadLabels(reader, instance);
  ReadCapabilities(reader, instance);
  ReadHealth(reader, instance);
  if (const std::string ttl = reader.String("ttl"); !ttl.empty()) {
    const auto ms = ParseSpanMs(ttl);
    ms ? out.set_ttl_ms(*ms) : reader.Fail(ms.error().detail, "ttl");
  }
  if (auto error = reader.Done()) return *error;
  return out;
}

Result<v1::CreateJoinTokenRequest> ReadJoinToken(std::string_view body) {
  Json json;
  if (auto ok = ParseJson(body, json); !ok) return ok.error();
  v1::CreateJoinTokenRequest out;
  ObjectReader reader(json, {});
  out.set_namespace_(reader.String("namespace"));
  out.set_service(reader.String("service"));
  out.set_node(reader.String("node"));
  if (const std::string ttl = reader.String("ttl"); !ttl.empty()) {
    const auto ms = ParseSpanMs(ttl);
    if (!ms) reader.Fail(ms.error().detail, "ttl");
    if (ms) out.set_ttl_ms(*ms == 0 ? -1 : *ms);  // written, it is no default
  }
  if (reader.Get("uses") != nullptr) {
    out.set_most_uses(reader.Number("uses", 0));
    if (out.most_uses() == 0) reader.Fail("is 1 at least; leave it out for no bound", "uses");
  }
  if (auto error = reader.Done()) return *error;
  return out;
}

Result<v1::RevokeRequest> ReadRevocation(std::string_view body) {
  Json json;
  if (auto ok = ParseJson(body, json); !ok) return ok.error();
  v1::RevokeRequest out;
  ObjectReader reader(json, {});
  out.set_serial(reader.String("serial"));
  out.set_spiffe(reader.String("spiffe"));
  out.set_reason(reader.String("reason"));
  if (auto error = reader.Done()) return *error;
  return out;
}

}  // namespace weft::api
