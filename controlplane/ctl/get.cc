// weftctl get KIND [NAME]: documents and registry services.
#include <CLI/CLI.hpp>
#include <memory>

#include "controlplane/ctl/kinds.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

Status GetAll(Context& context, const Kind& kind) {
  const auto items = ListAll(context, ListPath(kind), ListQuery(context, kind.namespaced));
  if (!items) return items.error();
  PrintList(context, *items, KindTable(context, kind, *items), kind.resource);
  return {};
}

Status GetOne(Context& context, const Kind& kind, const std::string& text) {
  const Result<Json> item = context.client.Get(ItemPath(kind, SplitName(context, text)));
  if (!item) return item.error();
  if (context.structured()) {
    PrintDocument(context, *item);
  } else {
    context.out << KindTable(context, kind, {*item}).Text();
  }
  return {};
}

}  // namespace

void AddGet(CLI::App& app, Action& action) {
  struct Args {
    std::string kind, name;
  };
  auto args = std::make_shared<Args>();
  CLI::App* verb = app.add_subcommand("get", "Print services, routes and policies");
  verb->add_option("kind", args->kind, "services, meshservices, httproutes, servicepolicies, …, or kind/name")
      ->required();
  verb->add_option("name", args->name, "One object; [NAMESPACE/]NAME");
  verb->callback([args, &action] {
    action = [args](Context& context) -> Status {
      const std::size_t slash = args->kind.find('/');
      if (slash != std::string::npos && args->name.empty()) {
        args->name = args->kind.substr(slash + 1);
        args->kind.resize(slash);
      }
      const Result<Kind> kind = FindKind(args->kind);
      if (!kind) return kind.error();
      if (!args->name.empty()) return GetOne(context, *kind, args->name);
      return GetAll(context, *kind);
    };
  });
}

}  // namespace weft::ctl
