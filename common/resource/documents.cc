#include <algorithm>
#include <chrono>
#include <cstdio>

#include "common/net/key.h"
#include "common/resource/schema.h"
#include "common/resource/text.h"
#include "common/time/time.h"

namespace weft::resource {
namespace {

struct KindName {
  Kind kind;
  std::string_view name, plural, api_version;
  bool namespaced;
};
// In the order of Kind.
constexpr std::array<KindName, 7> kKindNames = {{
    {Kind::kMeshService, "MeshService", "meshservices", "weft.dev/v1", true},
    {Kind::kHttpRoute, "HTTPRoute", "httproutes", "gateway.networking.k8s.io/v1", true},
    {Kind::kServicePolicy, "ServicePolicy", "servicepolicies", "weft.dev/v1", true},
    {Kind::kMeshDefaults, "MeshDefaults", "meshdefaults", "weft.dev/v1", false},
    {Kind::kTlsRoute, "TLSRoute", "tlsroutes", "gateway.networking.k8s.io/v1", true},
    {Kind::kTcpRoute, "TCPRoute", "tcproutes", "gateway.networking.k8s.io/v1", true},
    {Kind::kGrpcRoute, "GRPCRoute", "grpcroutes", "gateway.networking.k8s.io/v1", true},
}};
constexpr std::array<std::string_view, 1> kReservedKinds = {"AuthorizationPolicy"};

// Gateway API had these kinds in other versions before, with the same schema as far as we read it.
bool IsFormerVersion(Kind kind, std::string_view api_version) {
  return (kind == Kind::kTlsRoute || kind == Kind::kTcpRoute) &&
         (api_version == "gateway.networking.k8s.io/v1alpha2" ||
          api_version == "gateway.networking.k8s.io/v1alpha3");
}

const KindName& NameOf(Kind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

// Seconds since 1970 of "2026-11-23T04:05:06Z"; none: not of that form.
std::optional<std::int64_t> ParseTimestamp(const std::string& text) {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2uT%2u:%2u:%2u%n", &year, &month, &day, &hour, &minute, &second,
                  &used) != 6) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60 || text.back() != 'Z') return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(days).count() + hour * 3600 + minute * 60 + second;
}

void ReadMetadata(MapReader& map, Kind kind, const ParseOptions& options, Metadata& out) {
  const std::optional<Value> name = map.Need("name");
  if (name && Read(*name, out.name)) {
    const bool label = kind == Kind::kMeshService;
    if (label ? !IsDnsLabel(out.name) : !IsDnsName(out.name)) {
      name->Fail("\"" + out.name + "\" is no name: write lower-case letters, digits and '-'" +
                 (label ? ", at most 63" : ", in labels joined by '.'"));
    }
    if (kind == Kind::kMeshDefaults && out.name != "default") {
      name->Fail("there is one MeshDefaults for the mesh: call it \"default\"");
    }
  }
  const std::optional<Value> ns = map.Find("namespace");
  if (ns && NameOf(kind).namespaced) ReadDnsLabel(*ns, out.ns, "namespace");
  if (ns && !NameOf(kind).namespaced) ns->Fail("this kind has no namespace: remove the key");
  if (!ns && NameOf(kind).namespaced) out.ns = options.default_namespace;
  map.Optional("labels", out.labels);
  if (const std::optional<Value> annotations = map.Find("annotations")) {
    annotations->EachMember(
        [&](const std::string& key, const Value& item) { ReadAnyText(item, out.annotations[key]); });
  }
  map.Optional("uid", out.uid);
  std::string created;
  if (map.Optional("creationTimestamp", created)) {
    const std::optional<std::int64_t> seconds = ParseTimestamp(created);
    if (!seconds) map.Find("creationTimestamp")->Fail("must be a time such as 2026-11-23T04:05:06Z");
    out.created = seconds.value_or(0);
  }
  for (const char* of_server :
       {"resourceVersion", "generation", "managedFields", "ownerReferences", "finalizers",
        "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"}) {
    map.Ignore(of_server);
  }
}

void ReadSpec(const Value& spec, Document& out) {
  switch (out.kind) {
    case Kind::kMeshService: out.spec = ReadMeshService(spec); break;
    case Kind::kHttpRoute: out.spec = ReadHttpRoute(spec); break;
    case Kind::kServicePolicy: out.spec = ReadServicePolicy(spec); break;
    case Kind::kMeshDefaults: out.spec = ReadMeshDefaults(spec); break;
    case Kind::kTlsRoute: out.spec = ReadStreamRoute(spec, true); break;
    case Kind::kTcpRoute: out.spec = ReadStreamRoute(spec, false); break;
    case Kind::kGrpcRoute: out.spec = ReadGrpcRoute(spec); break;
  }
}

bool ReadKind(MapReader& map, Kind& out) {
  std::string kind, api_version;
  const bool has_version = map.Required("apiVersion", api_version);
  if (!map.Required("kind", kind) || !has_version) return false;
  const Result<Kind> parsed = ParseKind(kind);
  if (parsed.has_error()) return map.Find("kind")->Fail(parsed.error().detail, parsed.error().kind);
  out = *parsed;
  if (NameOf(out).name != kind) {
    return map.Find("kind")->Fail("write it as " + std::string(NameOf(out).name));
  }
  if (api_version != NameOf(out).api_version && !IsFormerVersion(out, api_version)) {
    return map.Find("apiVersion")
        ->Fail("the apiVersion of a " + kind + " is " + std::string(NameOf(out).api_version));
  }
  return true;
}

// Only what is ours: no status, no fields of a server, no nulls; keys sorted.
void Sort(Node& node) {
  std::erase_if(node.members, [](const Member& member) { return member.value.is_null(); });
  std::sort(node.members.begin(), node.members.end(),
            [](const Member& a, const Member& b) { return a.key < b.key; });
  for (Member& member : node.members) Sort(member.value);
  for (Node& item : node.items) Sort(item);
}

void AddText(Node& map, const char* key, std::string value) {
  Node text;
  text.kind = Node::Kind::kScalar;
  text.text = std::move(value);
  text.mark = map.mark;
  map.members.push_back(Member{key, map.mark, std::move(text)});
}

void Canonicalise(Node& root, const Metadata& metadata) {
  std::erase_if(root.members, [](const Member& member) { return member.key == "status"; });
  Node& meta = *root.Find("metadata");
  static constexpr std::array<std::string_view, 6> kKept = {"name",        "namespace", "labels",
                                                            "annotations", "uid",       "creationTimestamp"};
  std::erase_if(meta.members, [](const Member& member) {
    return std::find(kKept.begin(), kKept.end(), member.key) == kKept.end();
  });
  const Node* ns = meta.Find("namespace");
  if (!metadata.ns.empty() && (ns == nullptr || ns->is_null())) {
    std::erase_if(meta.members, [](const Member& member) { return member.key == "namespace"; });
    AddText(meta, "namespace", metadata.ns);
  }
  Sort(root);
}

DocumentPtr ReadDocument(Node& root, const std::string& file, const ParseOptions& options,
                         Problems& problems) {
  const std::size_t before = problems.count();
  auto document = std::make_shared<Document>();
  Value(root, problems).Map([&](MapReader& map) {
    for (const char* key : {"status", "metadata", "spec"}) map.Ignore(key);
    if (!ReadKind(map, document->kind)) return;
    if (const std::optional<Value> meta = map.Need("metadata")) {
      meta->Map(
          [&](MapReader& fields) { ReadMetadata(fields, document->kind, options, document->metadata); });
    }
    if (const std::optional<Value> spec = map.Need("spec")) ReadSpec(*spec, *document);
  });
  if (problems.count() != before) return nullptr;
  Canonicalise(root, document->metadata);
  document->json = WriteJson(root);
  document->file = file;
  document->tree = std::make_shared<const Node>(std::move(root));
  return document;
}

// The documents inside a `kind: List` or a plain list.
std::vector<Node> Unfold(std::vector<Node> roots, bool& empty_list) {
  std::vector<Node> documents;
  for (Node& root : roots) {
    const Node* kind = root.Find("kind");
    Node* items = root.is_list() ? &root : root.Find("items");
    const bool is_list = root.is_list() || (kind != nullptr && kind->text == "List");
    if (is_list && items != nullptr && items->is_list()) {
      empty_list |= !root.is_list() && items->items.empty();
      std::move(items->items.begin(), items->items.end(), std::back_inserter(documents));
    } else {
      documents.push_back(std::move(root));
    }
  }
  return documents;
}

// What commands print that is not made of documents.
bool IsView(const Node& root) {
  const Node* items = root.Find("items");
  return items != nullptr && items->is_list() && root.Find("kind") == nullptr &&
         root.Find("apiVersion") == nullptr;
}

// The mark of `path` below `node`, or of the nearest parent.
Mark MarkOf(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (!path.empty()) {
    const Node* child = nullptr;
    if (path.front() == '[') {
      const std::size_t end = std::min(path.find(']'), path.size());
      const auto index = static_cast<std::size_t>(std::strtoul(path.data() + 1, nullptr, 10));
      if (index < node->items.size()) child = &node->items[index];
      path.remove_prefix(std::min(end + 1, path.size()));
    } else {
      const std::size_t end = std::min(path.find_first_of(".["), path.size());
      child = node->Find(path.substr(0, end));
      path.remove_prefix(end);
    }
    if (path.starts_with('.')) path.remove_prefix(1);
    if (child == nullptr) break;
    node = child;
  }
  return node->mark;
}

}  // namespace

std::string_view ToString(Kind kind) { return NameOf(kind).name; }
std::string_view Plural(Kind kind) { return NameOf(kind).plural; }
std::string_view ApiVersion(Kind kind) { return NameOf(kind).api_version; }
bool IsNamespaced(Kind kind) { return NameOf(kind).namespaced; }

Result<Kind> ParseKind(std::string_view text) {
  const std::string lower = LowerCase(text);
  std::vector<std::string_view> names;
  for (const KindName& known : kKindNames) {
    if (lower == LowerCase(known.name) || lower == known.plural) return known.kind;
    names.push_back(known.name);
  }
  for (const std::string_view reserved : kReservedKinds) {
    if (lower == LowerCase(reserved) || lower == LowerCase(reserved) + 's') {
      return Error{ErrorKind::kUnsupported,
                   std::string(reserved) + " is reserved and not built in yet: remove it",
                   {},
                   {}};
    }
  }
  const std::string shown = "\"" + std::string(text.substr(0, 60)) + "\"";
  if (text == "Service") {
    return Error{
        ErrorKind::kUnsupported, "a core Service lives on Kubernetes only: write a MeshService", {}, {}};
  }
  const std::string_view close = Closest(text, names);
  return Error{
      ErrorKind::kNotFound,
      shown + " is no kind of Weft" + (close.empty() ? "" : " (did you mean " + std::string(close) + "?)") +
          ": write MeshService, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, ServicePolicy or MeshDefaults",
      {},
      {}};
}

std::string Document::Name() const {
  std::string name(ToString(kind));
  name += ' ';
  if (!metadata.ns.empty()) name.append(metadata.ns).append("/");
  return name + metadata.name;
}

std::string Document::Where(std::string_view field) const {
  if (file.empty() || tree == nullptr) return Name();
  return Problems(file).Where(MarkOf(*tree, field));
}

Parsed ParseDocuments(std::string_view text, const std::string& file, const ParseOptions& options) {
  Problems problems(file);
  Parsed parsed;
  for (Node& root : Unfold(ParseTexts(text, problems), parsed.empty_list)) {
    if (root.is_null()) continue;
    if (IsView(root)) {
      problems.Add(
          root.mark, "",
          "a list without \"kind: List\" is a view, as `weftctl get services` prints it, and holds no "
          "documents: apply what `weftctl get meshservice -o yaml` prints (or httproute, servicepolicy, "
          "meshdefaults)");
      continue;
    }
    if (DocumentPtr document = ReadDocument(root, file, options, problems))
      parsed.documents.push_back(document);
  }
  parsed.errors = problems.Take();
  return parsed;
}

DocumentPtr WithCreationTime(const Document& document, std::int64_t unix_seconds) {
  auto out = std::make_shared<Document>(document);
  Node root = *document.tree;
  AddText(*root.Find("metadata"), "creationTimestamp",
          UtcText(std::chrono::sys_seconds(std::chrono::seconds(unix_seconds))));
  Sort(root);
  out->metadata.created = unix_seconds;
  out->json = WriteJson(root);
  out->tree = std::make_shared<const Node>(std::move(root));
  return out;
}

std::string ToPrettyJson(const Document& document) { return WritePrettyJson(*document.tree); }
std::string ToYaml(const Document& document) { return WriteYaml(*document.tree); }

}  // namespace weft::resource
