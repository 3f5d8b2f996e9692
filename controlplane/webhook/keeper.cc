#include "controlplane/webhook/keeper.h"

#include "controlplane/kube/base64.h"

namespace weft::webhook {
namespace {

using kube::Json;

std::string Field(const Json& secret, const char* key) {
  if (!secret.is_object() || !secret.contains("data") || !secret["data"].is_object()) return {};
  const Json& data = secret["data"];
  if (!data.contains(key) || !data[key].is_string()) return {};
  const auto decoded = kube::FromBase64(data[key].get_ref<const std::string&>());
  return decoded ? *decoded : std::string();
}

Material MaterialOf(const Json& secret) {
  return {Field(secret, "ca.crt"), Field(secret, "ca.key"), Field(secret, "tls.crt"),
          Field(secret, "tls.key")};
}

}  // namespace

Status Keeper::Save(const Material& material, const Json& before) const {
  Json secret = {{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"type", "Opaque"},
                 {"metadata", {{"name", options_.secret}, {"namespace", options_.ns}}},
                 {"data",
                  {{"ca.crt", kube::ToBase64(material.ca)},
                   {"ca.key", kube::ToBase64(material.ca_key)},
                   {"tls.crt", kube::ToBase64(material.cert)},
                   {"tls.key", kube::ToBase64(material.key)}}}};
  const std::string path = "/api/v1/namespaces/" + options_.ns + "/secrets";
  if (before.is_null()) {
    const auto done = client_.Call("POST", path, secret);
    return done ? Status() : Status(done.error());
  }
  secret["metadata"] = before["metadata"];  // with its version: another writer wins
  const auto done = client_.Call("PUT", path + "/" + options_.secret, secret);
  return done ? Status() : Status(done.error());
}

// A writer who was faster wins; what he wrote is read again.
Result<Material> Keeper::Load(WallTime now) {
  for (int tries = 0; tries < 5; ++tries) {
    auto secret = client_.Call("GET", "/api/v1/namespaces/" + options_.ns + "/secrets/" + options_.secret);
    if (!secret && secret.error().kind != ErrorKind::kNotFound) return secret.error();
    Material material = secret ? MaterialOf(*secret) : Material{};
    const auto made = Renew(material, options_.names, options_.spans, now);
    if (!made) return made.error();
    if (!*made) return material;
    const Status saved = Save(material, secret ? *secret : Json());
    if (saved) return material;
    if (saved.error().kind != ErrorKind::kConflict) return saved.error();
  }
  return Error{
      ErrorKind::kConflict, "the Secret " + options_.secret + " is written by others all the time", {}, {}};
}

Status Keeper::TellApiServer(const std::string& ca) const {
  const Status injecting = TellOne("mutatingwebhookconfigurations/" + options_.configuration, ca);
  const Status validating = TellOne("validatingwebhookconfigurations/" + options_.validating, ca);
  if (!injecting || validating || validating.error().kind == ErrorKind::kNotFound) return injecting;
  return validating;
}

Status Keeper::TellOne(const std::string& name, const std::string& ca) const {
  const std::string path = "/apis/admissionregistration.k8s.io/v1/" + name;
  const auto configuration = client_.Call("GET", path);
  if (!configuration) return configuration.error();
  const std::string bundle = kube::ToBase64(ca);
  Json patch = Json::array();
  std::size_t index = 0;
  for (const Json& webhook : configuration->value("webhooks", Json::array())) {
    const std::string at = "/webhooks/" + std::to_string(index++);
    if (!webhook.is_object()) continue;
    if (webhook.value("/clientConfig/caBundle"_json_pointer, std::string()) == bundle) continue;
    patch.push_back({{"op", "test"}, {"path", at + "/name"}, {"value", webhook.value("name", "")}});
    patch.push_back({{"op", "add"}, {"path", at + "/clientConfig/caBundle"}, {"value", bundle}});
  }
  if (patch.empty()) return {};
  const auto done = client_.Call("PATCH", path, patch, "application/json-patch+json");
  return done ? Status() : Status(done.error());
}

Status Keeper::Turn(WallTime now) {
  const auto material = Load(now);
  if (!material) return material.error();
  const Status told = TellApiServer(material->ca);  // before anybody meets a certificate of a new CA
  const std::lock_guard lock(mutex_);
  if (now_ == nullptr || now_->chain != material->cert)
    now_ = std::make_shared<const http::tls::Pem>(http::tls::Pem{material->cert, material->key, {}});
  return told;
}

std::shared_ptr<const http::tls::Pem> Keeper::Now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

}  // namespace weft::webhook
