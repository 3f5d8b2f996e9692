#include "common/wire/wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <openssl/evp.h>

#include <set>

#include "common/wire/read.h"

namespace weft::wire {
namespace {

policy::ServicePort ReadPort(const v1::ServicePort& in, const Path& at, Check& check) {
  policy::ServicePort out;
  out.name = check.Text(at, "name", in.name(), 63);
  out.port = check.Port(at, "port", in.port());
  out.protocol = check.Enum(at, "protocol", in.protocol(), policy::Protocol::kTcp);
  out.proxy_protocol =
      static_cast<std::uint8_t>(check.Count(at, "proxy_protocol", in.proxy_protocol(), 0, 2));
  return out;
}

void CheckPortsUnique(const std::vector<policy::ServicePort>& ports, Check& check) {
  std::set<std::uint16_t> numbers;
  std::set<std::string> names;
  int i = 0;
  for (const policy::ServicePort& port : ports) {
    const Path at("ports", i++);
    if (!numbers.insert(port.port).second) check.Fail(Path(at, "port"), "stands in the list twice");
    if (!port.name.empty() && !names.insert(port.name).second)
      check.Fail(Path(at, "name"), "stands in the list twice");
  }
}

snapshot::Instance ReadInstance(const v1::Instance& in, const Path& at, Check& check) {
  snapshot::Instance out;
  out.id = check.Required(at, "id", in.id(), 253);
  out.hash = HashBytes(out.id);
  const Result<net::Ip> ip = net::Ip::Parse(in.address());
  if (ip) out.address.ip = *ip;
  if (!ip) check.Fail(Path(at, "address"), "'" + in.address().substr(0, 64) + "' is no IP address");
  out.address.port = check.Port(at, "port", in.port());
  for (int i = 0; i < in.ports_size() && check.ok(); ++i) {
    const Path port(at, "ports", i);
    const bool fresh = out.ports
                           .emplace(check.Required(port, "name", in.ports(i).name(), 63),
                                    check.Port(port, "port", in.ports(i).port()))
                           .second;
    if (!fresh) check.Fail(Path(port, "name"), "stands in the list twice");
  }
  out.weight = check.Count(at, "weight", in.weight(), 0, 1'000'000);
  out.zone = check.Text(at, "zone", in.zone(), 253);
  for (int i = 0; i < in.labels_size() && check.ok(); ++i) {
    const Path label(at, "labels", i);
    out.labels.emplace(check.Required(label, "name", in.labels(i).name()),
                       check.Text(label, "value", in.labels(i).value()));
  }
  out.declared = check.Enum(at, "declared", in.declared(), snapshot::Declared::kUnhealthy);
  out.draining = in.draining();
  out.capabilities = {in.meshed(), in.http2(), in.mtls()};
  return out;
}

void SortInstances(std::vector<snapshot::Instance>& instances, Check& check) {
  std::sort(instances.begin(), instances.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const auto twice = std::adjacent_find(instances.begin(), instances.end(),
                                        [](const auto& a, const auto& b) { return a.id == b.id; });
  if (twice != instances.end()) check.Fail(Path("instances"), "have the id '" + twice->id + "' twice");
}

Result<std::vector<ServiceKey>> ReadKeys(const google::protobuf::RepeatedPtrField<v1::ServiceKey>& in,
                                         std::string_view field) {
  Check check;
  std::vector<ServiceKey> out;
  check.Each(Path(), field, in, out, 100000, ReadKey);
  if (!check.ok()) return check.TakeError();
  return out;
}

// The bundle of one update, or why it is refused.
Result<policy::BundlePtr> ReadUpdate(const v1::BundleUpdate& in, const ServiceKey& key) {
  Result<policy::ServiceBundle> bundle = Parse(in.bundle());
  if (!bundle) return bundle.error();
  if (!in.hash().empty() && in.hash() != bundle->hash) {
    return Invalid("is not the SHA-256 of the bundle, which is " + bundle->hash, "hash");
  }
  if (bundle->key != key) return Invalid("differs from the service of the update, " + key.ToString(), "key");
  return std::make_shared<const policy::ServiceBundle>(std::move(*bundle));
}

Status ReadBundles(const v1::Delta& in, snapshot::Delta& out) {
  for (int i = 0; i < in.bundles_size(); ++i) {
    const Path list("bundles", i);
    Check check;
    const ServiceKey key = ReadKey(in.bundles(i).service(), Path(list, "service"), check);
    if (!check.ok()) return check.TakeError();
    Result<policy::BundlePtr> bundle = ReadUpdate(in.bundles(i), key);
    if (bundle) {
      out.bundles.push_back(std::move(*bundle));
    } else {
      const std::string& sent = in.bundles(i).hash();
      out.refused.push_back({key, sent.empty() ? Sha256Hex(in.bundles(i).bundle()) : sent, bundle.error()});
    }
  }
  return {};
}

Status ReadEndpoints(const v1::Delta& in, snapshot::Delta& out) {
  for (int i = 0; i < in.endpoints_size(); ++i) {
    Result<snapshot::EndpointsUpdate> update = FromProto(in.endpoints(i));
    if (update) {
      out.endpoints.push_back(std::move(*update));
      continue;
    }
    Error error = update.error();
    error.field = Path("endpoints", i).Text() + "." + error.field;
    const Result<ServiceKey> key = FromProto(in.endpoints(i).service());
    if (!key) return error;
    out.refused.push_back({*key, {}, std::move(error)});
  }
  return {};
}

}  // namespace

ServiceKey ReadKey(const v1::ServiceKey& in, const Path& at, Check& check) {
  ServiceKey out;
  if (!in.cluster().empty()) out.cluster = check.Label(at, "cluster", in.cluster());
  out.ns = check.Label(at, "namespace", in.namespace_());
  out.name = check.Label(at, "name", in.name());
  return out;
}

std::string Sha256Hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < length; ++i) {
    out += kDigits[digest[i] >> 4U];
    out += kDigits[digest[i] & 15U];
  }
  return out;
}

ServiceKey UncheckedKey(const v1::ServiceKey& in) {
  return {in.cluster().empty() ? "local" : in.cluster(), in.namespace_(), in.name()};
}

Result<ServiceKey> FromProto(const v1::ServiceKey& in) {
  Check check;
  ServiceKey out = ReadKey(in, Path(), check);
  if (!check.ok()) return check.TakeError();
  return out;
}

snapshot::Version FromProto(const v1::Version& in) { return {in.store_id(), in.epoch(), in.revision()}; }

Result<policy::ServiceBundle> FromProto(const v1::ServiceBundle& in) {
  Check check;
  const Path at;
  policy::ServiceBundle out;
  out.key = ReadKey(in.key(), Path(at, "key"), check);
  check.Each(at, "ports", in.ports(), out.ports, 64, ReadPort);
  CheckPortsUnique(out.ports, check);
  for (int i = 0; i < in.addresses_size() && check.ok(); ++i) {
    if (i >= 64) check.Fail(Path(at, "addresses"), "has more than 64 entries");
    if (!net::Ip::Parse(in.addresses(i))) check.Fail(Path(at, "addresses", i), "is no IP address");
    out.addresses.push_back(in.addresses(i));
  }
  if (in.has_policy()) out.policy = ReadPolicy(in.policy(), Path(at, "policy"), check);
  check.Each(at, "sources", in.sources(), out.sources, 1024, ReadSource);
  check.Each(at, "routes", in.routes(), out.routes, 1024, ReadRoute);
  if (!check.ok()) return check.TakeError();
  return out;
}

Result<snapshot::EndpointsUpdate> FromProto(const v1::Endpoints& in) {
  Check check;
  const Path at;
  auto out = std::make_shared<snapshot::Endpoints>();
  out->service = ReadKey(in.service(), Path(at, "service"), check);
  out->version = in.version();
  check.Each(at, "instances", in.instances(), out->instances, kMaxInstances, ReadInstance);
  if (check.ok()) SortInstances(out->instances, check);
  if (!check.ok()) return check.TakeError();
  return snapshot::EndpointsUpdate{in.store_id(), in.epoch(), std::move(out)};
}

std::string Serialize(const policy::ServiceBundle& bundle) {
  const v1::ServiceBundle message = ToProto(bundle);
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return out;
}

Result<policy::ServiceBundle> Parse(std::string_view bytes) {
  if (bytes.size() > kMaxBundleBytes) {
    return Error{
        ErrorKind::kTooLarge, "is larger than 4 MiB; split its routes over several services", "bundle", {}};
  }
  v1::ServiceBundle message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Invalid("is no ServiceBundle message", "bundle");
  }
  Result<policy::ServiceBundle> bundle = FromProto(message);
  if (bundle) bundle->hash = Sha256Hex(bytes);
  return bundle;
}

Result<policy::BundlePtr> Seal(policy::ServiceBundle bundle) {
  Result<policy::ServiceBundle> sealed = Parse(Serialize(bundle));
  if (!sealed) return sealed.error();
  return std::make_shared<const policy::ServiceBundle>(std::move(*sealed));
}

v1::BundleUpdate ToUpdate(const policy::ServiceBundle& bundle) {
  v1::BundleUpdate out;
  *out.mutable_service() = ToProto(bundle.key);
  out.set_bundle(Serialize(bundle));
  out.set_hash(Sha256Hex(out.bundle()));
  return out;
}

Result<snapshot::Delta> FromProto(const v1::Delta& in) {
  snapshot::Delta out;
  out.sequence = in.sequence();
  if (in.has_version()) out.version = FromProto(in.version());
  out.full = in.full();
  const auto keys = [&](const auto& list, std::string_view field, std::vector<ServiceKey>& to) -> Status {
    Result<std::vector<ServiceKey>> read = ReadKeys(list, field);
    if (!read) return read.error();
    to = std::move(*read);
    return {};
  };
  if (Status s = keys(in.removed(), "removed", out.removed); !s) return s.error();
  if (Status s = keys(in.unknown(), "unknown", out.unknown); !s) return s.error();
  if (Status s = keys(in.unchanged(), "unchanged", out.unchanged); !s) return s.error();
  if (Status s = ReadBundles(in, out); !s) return s.error();
  if (Status s = ReadEndpoints(in, out); !s) return s.error();
  return out;
}

}  // namespace weft::wire
