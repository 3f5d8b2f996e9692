#include "controlplane/kube/config.h"

#include <filesystem>

#include "common/file/file.h"
#include "common/http/client.h"
#include "common/resource/text.h"
#include "controlplane/kube/base64.h"

namespace weft::kube {
namespace {

constexpr std::size_t kMostFile = 1 << 20;

using resource::Node;

std::string TextOf(const Node* map, std::string_view key) {
  const Node* found = map == nullptr ? nullptr : map->Find(key);
  return found == nullptr || !found->is_scalar() ? std::string() : found->text;
}

// The entry of that name in a list of {name, KIND: {…}}.
const Node* Entry(const Node& root, const char* list, const std::string& name, const char* kind) {
  const Node* entries = root.Find(list);
  if (entries == nullptr || !entries->is_list()) return nullptr;
  for (const Node& entry : entries->items) {
    if (TextOf(&entry, "name") == name) return entry.Find(kind);
  }
  return nullptr;
}

// `KEY-data`, else the file that `KEY` names, relative to the kubeconfig; empty: neither is there.
Result<std::string> Material(const Node* map, const std::string& key, const std::string& path) {
  if (const std::string data = TextOf(map, key + "-data"); !data.empty()) {
    auto decoded = FromBase64(data);
    if (!decoded) return Invalid(decoded.error().detail, key + "-data", path);
    return decoded;
  }
  const std::string name = TextOf(map, key);
  if (name.empty()) return std::string();
  const std::filesystem::path named(name);
  return file::Read(named.is_absolute() ? name : (std::filesystem::path(path).parent_path() / named).string(),
                    kMostFile);
}

Status ReadUser(const Node* user, const std::string& path, Config& out, http::tls::Pem& pem) {
  for (const char* key : {"exec", "auth-provider"}) {
    if (user != nullptr && user->Find(key) != nullptr)
      return Error{ErrorKind::kUnsupported,
                   "programs that fetch tokens are not run; use a token or a client certificate",
                   std::string("users[].user.") + key, path};
  }
  out.token = TextOf(user, "token");
  out.token_file = TextOf(user, "tokenFile");
  auto chain = Material(user, "client-certificate", path);
  if (!chain) return chain.error();
  auto key = Material(user, "client-key", path);
  if (!key) return key.error();
  pem.chain = std::move(*chain);
  pem.key = std::move(*key);
  return {};
}

}  // namespace

Result<Config> InCluster(const Variable& variable, const std::string& folder) {
  const auto host = variable("KUBERNETES_SERVICE_HOST"), port = variable("KUBERNETES_SERVICE_PORT");
  if (!host || !port)
    return Invalid(
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod; give kubeconfig");
  const auto number = net::ParsePort(*port);
  if (!number) return Invalid(number.error().detail, "KUBERNETES_SERVICE_PORT");
  Config out;
  out.server = {*host, *number};
  auto trust = http::tls::MakeClientContext(http::tls::Files{{}, {}, folder + "/ca.crt"});
  if (!trust) return trust.error();
  out.tls = std::move(*trust);
  out.token_file = folder + "/token";
  if (const auto ns = file::Read(folder + "/namespace", kMostFile)) out.ns = *ns;
  return out;
}

Result<Config> FromKubeconfig(const std::string& path) {
  const auto text = file::Read(path, kMostFile);
  if (!text) return text.error();
  resource::Problems problems(path);
  Node root;
  if (!resource::ParseYaml(*text, 1, root, problems)) return problems.errors().front();
  const std::string current = TextOf(&root, "current-context");
  const Node* context = Entry(root, "contexts", current, "context");
  if (context == nullptr) return Invalid("names no entry of contexts", "current-context", path);
  const Node* cluster = Entry(root, "clusters", TextOf(context, "cluster"), "cluster");
  if (cluster == nullptr) return Invalid("names no entry of clusters", "contexts[].context.cluster", path);
  auto url = http::ParseUrl(TextOf(cluster, "server"));
  if (!url) return Invalid(url.error().detail, "clusters[].cluster.server", path);
  Config out;
  out.server = url->where;
  out.server_name = TextOf(cluster, "tls-server-name");
  if (const std::string ns = TextOf(context, "namespace"); !ns.empty()) out.ns = ns;
  http::tls::Pem pem;
  if (auto ok = ReadUser(Entry(root, "users", TextOf(context, "user"), "user"), path, out, pem); !ok)
    return ok.error();
  if (!url->tls) return out;
  auto ca = Material(cluster, "certificate-authority", path);
  if (!ca) return ca.error();
  pem.ca = std::move(*ca);
  auto made = http::tls::MakeClientContext(pem);
  if (!made) return made.error();
  out.tls = std::move(*made);
  return out;
}

}  // namespace weft::kube
