// weftctl describe KIND NAME: everything about one object for a reader, not for a program.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/instance_path.h"
#include "controlplane/ctl/kinds.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

void Field(std::ostream& out, std::string name, const std::string& value) {
  name += ":";
  name.resize(std::max<std::size_t>(name.size() + 1, 14), ' ');
  out << name << (value.empty() ? "-" : value) << "\n";
}

std::string Indented(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    out += "  " + text.substr(at, end - at) + "\n";
    at = end == std::string::npos ? text.size() : end + 1;
  }
  return out;
}

void DescribeInstances(Context& context, const NamespacedName& name) {
  const Result<Json> answer = context.client.Get(InstancesPath(name));
  if (!answer) return;  // Its absence is said by the service itself.
  context.out << "Instances:\n";
  Table table({{"ID"}, {"ADDRESS"}, {"PORT"}, {"HEALTH"}, {"WEIGHT"}});
  for (const Json& item : Items(*answer)) {
    table.Add({Text(item, "id"), Text(item, "address"), Text(item, "port"), Text(item, "health"),
               Text(item, "weight")});
  }
  context.out << (table.empty() ? "  none\n" : Indented(table.Text()));
}

void DescribeBody(Context& context, const Json& item) {
  for (const auto& [key, value] : item.items()) {
    static const std::vector<std::string> kSaid = {"apiVersion", "kind",      "metadata",
                                                   "name",       "namespace", "labels"};
    if (std::find(kSaid.begin(), kSaid.end(), key) != kSaid.end()) continue;
    std::string heading = key;
    heading[0] = static_cast<char>(heading[0] >= 'a' && heading[0] <= 'z' ? heading[0] - 32 : heading[0]);
    if (value.is_structured()) {
      context.out << heading << ":\n" << Indented(ToYaml(value));
    } else {
      Field(context.out, heading, Text(item, key));
    }
  }
}

Status RunDescribe(Context& context, const std::string& kind_text, const std::string& name_text) {
  const Result<Kind> kind = FindKind(kind_text);
  if (!kind) return kind.error();
  const NamespacedName name = SplitName(context, name_text);
  const Result<Json> item = context.client.Get(ItemPath(*kind, name));
  if (!item) return item.error();
  if (context.structured()) {
    PrintDocument(context, *item);
    return {};
  }
  const NamespacedName said = NameOf(*item);
  Field(context.out, "Name", said.name);
  Field(context.out, "Namespace", said.ns);
  Field(context.out, "Kind", std::string(kind->name));
  const Json labels = LabelsOf(*item);
  if (labels.is_object() && !labels.empty()) context.out << "Labels:\n" << Indented(ToYaml(labels));
  DescribeBody(context, *item);
  if (kind->name == "Service" || kind->name == "MeshService") DescribeInstances(context, name);
  return {};
}

}  // namespace

void AddDescribe(CLI::App& app, Action& action) {
  struct Args {
    std::string kind, name;
  };
  auto args = std::make_shared<Args>();
  CLI::App* verb = app.add_subcommand("describe", "Print everything about one object");
  verb->add_option("kind", args->kind, "Kind as for get")->required();
  verb->add_option("name", args->name, "[NAMESPACE/]NAME")->required();
  verb->callback([args, &action] {
    action = [args](Context& context) { return RunDescribe(context, args->kind, args->name); };
  });
}

}  // namespace weft::ctl
