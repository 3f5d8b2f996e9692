#include "agent/config/cache.h"

#include "common/file/file.h"
#include "common/wire/wire.h"
#include "weft/v1/cache.pb.h"

namespace weft::config {
namespace {

constexpr std::string_view kMagic = "WEFTLKG1";
constexpr std::size_t kDigest = 64;  // hex
constexpr std::size_t kHeader = 8 + kDigest + 8;

Error Damaged(std::string detail) {
  return Invalid(std::move(detail) + "; it is ignored and will be replaced");
}

std::string PutTime(WallTime at) {
  std::string out(8, '\0');
  auto ns = static_cast<std::uint64_t>(at.time_since_epoch().count());
  for (char& c : out) {
    c = static_cast<char>(ns & 0xffU);
    ns >>= 8U;
  }
  return out;
}

WallTime GetTime(std::string_view bytes) {
  std::uint64_t ns = 0;
  for (std::size_t i = 8; i-- > 0;) ns = ns << 8U | static_cast<unsigned char>(bytes[i]);
  return WallTime(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
}

v1::Cache ToMessage(const Cached& cached) {
  v1::Cache out;
  *out.mutable_version() = wire::ToProto(cached.parts.version);
  for (const auto& [key, held] : cached.parts.services) {
    if (!held.bundle) continue;
    v1::CachedService& one = *out.add_services();
    one.set_bundle(wire::Serialize(*held.bundle));
    one.set_revision(held.revision);
    if (held.endpoints.endpoints) *one.mutable_endpoints() = wire::ToProto(held.endpoints);
  }
  for (const ServiceKey& key : cached.subscriptions) {
    if (out.subscriptions_size() < static_cast<int>(kMaxRemembered))
      *out.add_subscriptions() = wire::ToProto(key);
  }
  return out;
}

Status ReadService(const v1::CachedService& in, snapshot::Parts& parts) {
  Result<policy::ServiceBundle> bundle = wire::Parse(in.bundle());
  if (!bundle) return Damaged("holds a bundle that is refused: " + bundle.error().Text());
  snapshot::Held held;
  held.revision = in.revision();
  if (in.has_endpoints()) {
    Result<snapshot::EndpointsUpdate> endpoints = wire::FromProto(in.endpoints());
    if (!endpoints) return Damaged("holds endpoints that are refused: " + endpoints.error().Text());
    if (endpoints->endpoints->service != bundle->key) return Damaged("holds endpoints of another service");
    held.endpoints = std::move(*endpoints);
  }
  const ServiceKey key = bundle->key;
  held.bundle = std::make_shared<const policy::ServiceBundle>(std::move(*bundle));
  if (!parts.services.emplace(key, std::move(held)).second) return Damaged("holds a service twice");
  return {};
}

Result<Cached> FromMessage(const v1::Cache& in) {
  Cached out;
  out.parts.version = wire::FromProto(in.version());
  for (const v1::CachedService& service : in.services()) {
    if (Status read = ReadService(service, out.parts); !read) return read.error();
  }
  if (in.subscriptions_size() > static_cast<int>(kMaxRemembered))
    return Damaged("holds too many subscriptions");
  for (const v1::ServiceKey& subscription : in.subscriptions()) {
    Result<ServiceKey> key = wire::FromProto(subscription);
    if (!key) return Damaged("holds a subscription that is no service");
    out.subscriptions.push_back(std::move(*key));
  }
  return out;
}

Error OfCache(Error error) {
  error.field = "cache.path";
  return error;
}

}  // namespace

std::string EncodeCache(const Cached& cached) {
  const std::string body = PutTime(cached.at) + ToMessage(cached).SerializeAsString();
  return std::string(kMagic) + wire::Sha256Hex(body) + body;
}

Result<Cached> DecodeCache(std::string_view bytes) {
  if (bytes.size() < kHeader) return Damaged("is cut short");
  if (!bytes.starts_with(kMagic)) return Damaged("is no cache of this version of weft-agent");
  const std::string_view body = bytes.substr(kMagic.size() + kDigest);
  if (bytes.substr(kMagic.size(), kDigest) != wire::Sha256Hex(body))
    return Damaged("does not match its checksum");
  v1::Cache message;
  if (!message.ParseFromArray(body.data() + 8, static_cast<int>(body.size() - 8)))
    return Damaged("does not decode");
  Result<Cached> cached = FromMessage(message);
  if (!cached) return cached;
  cached->at = GetTime(body);
  const auto since = cached->at.time_since_epoch();
  if (since < Duration::zero() || since > std::chrono::hours(24 * 36500))
    return Damaged("has an impossible time");
  return cached;
}

Status WriteCache(const std::string& path, const Cached& cached) {
  if (auto ok = file::Replace(path, EncodeCache(cached)); !ok) return OfCache(ok.error());
  return {};
}

Result<Cached> ReadCache(const std::string& path, Duration max_age, WallTime now) {
  const Result<std::string> bytes = file::Read(path, kMaxCacheBytes);
  if (!bytes) return OfCache(bytes.error());
  Result<Cached> cached = DecodeCache(*bytes);
  if (!cached) {
    Error error = cached.error();
    error.where = path;
    return error;
  }
  const Duration age = now - cached->at;
  if (max_age > Duration::zero() && (age > max_age || age < -std::chrono::hours(1))) {
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(age).count();
    return Error{ErrorKind::kTimeout,
                 "is " + std::to_string(hours) + " h old, cache.maxAge allows less; it is ignored",
                 "cache.maxAge", path};
  }
  return cached;
}

}  // namespace weft::config
