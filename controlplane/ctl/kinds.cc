#include "controlplane/ctl/kinds.h"

#include <algorithm>
#include <iterator>

#include "common/resource/document.h"

namespace weft::ctl {
namespace {

const std::vector<Kind>& AllKinds() {
  static const std::vector<Kind> kinds = {
      {"Service", "service", {"service", "services", "svc"}, false, true},
      {"MeshService", "meshservice", {"meshservice", "meshservices", "ms"}, true, true},
      {"HTTPRoute", "httproute", {"httproute", "httproutes", "route", "routes"}, true, true},
      {"TLSRoute", "tlsroute", {"tlsroute", "tlsroutes"}, true, true},
      {"TCPRoute", "tcproute", {"tcproute", "tcproutes"}, true, true},
      {"GRPCRoute", "grpcroute", {"grpcroute", "grpcroutes"}, true, true},
      {"ServicePolicy", "servicepolicy", {"servicepolicy", "servicepolicies", "sp"}, true, true},
      {"MeshDefaults", "meshdefaults", {"meshdefaults", "meshdefaults", "md"}, true, false},
  };
  return kinds;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

const Json& At(const Json& value, std::string_view key) {
  static const Json kNull;
  if (!value.is_object()) return kNull;
  const auto found = value.find(std::string(key));
  return found == value.end() ? kNull : *found;
}

// "name:80/HTTP,admin:81": ports of a service.
std::string PortsText(const Json& ports) {
  std::string text;
  for (const Json& port : ports) {
    if (!text.empty()) text += ",";
    const std::string name = Text(port, "name"), protocol = Text(port, "protocol");
    text += (name.empty() ? "" : name + ":") + Text(port, "port") + (protocol.empty() ? "" : "/" + protocol);
  }
  return text;
}

// "Service/cart:80,MeshService/pay": what parentRefs or targetRefs point at.
std::string RefsText(const Json& refs) {
  std::string text;
  for (const Json& ref : refs) {
    if (!text.empty()) text += ",";
    const std::string kind = Text(ref, "kind"), ns = Text(ref, "namespace"), port = Text(ref, "port");
    text += (kind.empty() ? "" : kind + "/") + (ns.empty() ? "" : ns + "/") + Text(ref, "name") +
            (port.empty() ? "" : ":" + port);
  }
  return text;
}

std::string Joined(const Json& list) {
  std::string text;
  for (const Json& item : list)
    text += (text.empty() ? "" : ",") + (item.is_string() ? item.get<std::string>() : item.dump());
  return text;
}

std::string BlocksText(const Json& spec) {
  std::string text;
  if (!spec.is_object()) return text;
  for (const auto& [key, value] : spec.items()) {
    if (key != "targetRefs") text += (text.empty() ? "" : ",") + key;
  }
  return text;
}

std::string CountText(const Json& list) { return std::to_string(list.is_array() ? list.size() : 0); }

// The columns between NAME and the wide ones.
std::vector<std::string> Headings(const Kind& kind) {
  if (!kind.resource) return {"PORTS", "INSTANCES", "HEALTHY", "SOURCE"};
  if (kind.name == "MeshService") return {"PORTS", "INSTANCES"};
  if (kind.name == "MeshDefaults") return {"BLOCKS"};
  if (kind.name.ends_with("Route")) return {"HOSTNAMES", "PARENTS", "RULES"};
  return {"TARGETS", "BLOCKS"};
}

std::vector<std::string> Cells(const Kind& kind, const Json& item) {
  const Json& spec = At(item, "spec");
  if (!kind.resource) {
    return {PortsText(At(item, "ports")), Text(item, "instances"), Text(item, "healthy"),
            Text(item, "source")};
  }
  if (kind.name == "MeshService") return {PortsText(At(spec, "ports")), CountText(At(spec, "instances"))};
  if (kind.name == "MeshDefaults") return {BlocksText(spec)};
  if (kind.name.ends_with("Route")) {
    return {Joined(At(spec, "hostnames")), RefsText(At(spec, "parentRefs")), CountText(At(spec, "rules"))};
  }
  return {RefsText(At(spec, "targetRefs")), BlocksText(spec)};
}

std::string LabelsText(const Json& labels) {
  std::string text;
  if (!labels.is_object()) return text;
  for (const auto& [key, value] : labels.items())
    text += (text.empty() ? "" : ",") + key + "=" + Text(labels, key);
  return text;
}

std::string RevisionOf(const Json& item) {
  const std::string version = Text(At(item, "metadata"), "resourceVersion");
  return version.empty() ? Text(item, "revision") : version;
}

}  // namespace

Result<Kind> FindKind(std::string_view text) {
  const std::string wanted = Lower(text);
  std::string known;
  for (const Kind& kind : AllKinds()) {
    if (std::find(kind.aliases.begin(), kind.aliases.end(), wanted) != kind.aliases.end()) return kind;
    known += (known.empty() ? "" : ", ") + std::string(kind.aliases[1]);
  }
  const Result<resource::Kind> reserved = resource::ParseKind(text);
  if (!reserved && reserved.error().kind == ErrorKind::kUnsupported) return reserved.error();
  return Invalid("there is no kind '" + std::string(text) + "'; known are " + known);
}

Result<std::vector<Kind>> FindKinds(const std::string& text) {
  std::vector<Kind> kinds;
  if (Lower(text) == "all") {
    std::copy_if(AllKinds().begin(), AllKinds().end(), std::back_inserter(kinds),
                 [](const Kind& kind) { return kind.resource; });
    return kinds;
  }
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    Result<Kind> kind = FindKind(std::string_view(text).substr(begin, end - begin));
    if (!kind) return kind.error();
    kinds.push_back(std::move(*kind));
    begin = end + 1;
  }
  return kinds;
}

Result<std::vector<Wanted>> FindWanted(const std::vector<std::string>& words) {
  std::vector<Wanted> found;
  if (words.empty()) return found;
  if (words.front().find('/') == std::string::npos) {
    auto kinds = FindKinds(words.front());
    if (!kinds) return kinds.error();
    for (Kind& kind : *kinds) found.push_back({std::move(kind), {words.begin() + 1, words.end()}});
    return found;
  }
  for (const std::string& word : words) {
    const std::size_t slash = word.find('/');
    if (slash == std::string::npos)
      return Invalid("'" + word + "' names no kind; write KIND/NAME, as those before it");
    Result<Kind> kind = FindKind(std::string_view(word).substr(0, slash));
    if (!kind) return kind.error();
    found.push_back({std::move(*kind), {word.substr(slash + 1)}});
  }
  return found;
}

std::string ListPath(const Kind& kind) {
  return kind.resource ? "/api/v1/resources/" + std::string(kind.name) : "/api/v1/services";
}

std::string ItemPath(const Kind& kind, const NamespacedName& name) {
  return ListPath(kind) + "/" + Escape(name.ns) + "/" + Escape(name.name);
}

NamespacedName NameOf(const Json& item) {
  const Json& metadata = At(item, "metadata");
  const Json& from = metadata.is_object() ? metadata : item;
  return {Text(from, "namespace"), Text(from, "name")};
}

Json LabelsOf(const Json& item) {
  const Json& metadata = At(item, "metadata");
  return At(metadata.is_object() ? metadata : item, "labels");
}

Table KindTable(const Context& context, const Kind& kind, const std::vector<Json>& items) {
  const bool wide = context.format == Format::kWide;
  std::vector<Column> columns;
  if (context.all_namespaces) columns.push_back({"NAMESPACE"});
  columns.push_back({"NAME"});
  for (std::string& heading : Headings(kind)) columns.push_back({std::move(heading)});
  if (wide) columns.insert(columns.end(), {{"REVISION"}, {"LABELS"}});
  Table table(std::move(columns));
  for (const Json& item : items) {
    const NamespacedName name = NameOf(item);
    std::vector<std::string> row;
    if (context.all_namespaces) row.push_back(name.ns);
    row.push_back(name.name);
    for (std::string& cell : Cells(kind, item)) row.push_back(std::move(cell));
    if (wide) row.insert(row.end(), {RevisionOf(item), LabelsText(LabelsOf(item))});
    table.Add(std::move(row));
  }
  return table;
}

}  // namespace weft::ctl
