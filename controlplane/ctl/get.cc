// weftctl get KIND [NAME]: documents and registry services.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

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

// The table of what is there, then a line for each change. The rows that came first keep the columns' widths.
Status WatchAll(Context& context, const Kind& kind) {
  if (!kind.resource) return Invalid("services are watched as documents: weftctl get meshservices -w", "-w");
  const std::string query = ListQuery(context, kind.namespaced);
  std::vector<Json> rows;
  bool listed = false;
  return context.client.Watch(
      ListPath(kind) + query + (query.empty() ? "?" : "&") + "watch=true", [&](const Json& event) -> Status {
        const std::string type = Text(event, "type");
        if (context.structured()) {
          context.out << event.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
          return {};
        }
        if (type == "BOOKMARK") {
          if (!listed && !rows.empty()) context.out << KindTable(context, kind, rows).Text() << std::flush;
          listed = true;
          return {};
        }
        rows.push_back(event.value("resource", Json::object()));
        if (!listed) return {};
        std::string text = KindTable(context, kind, rows).Text();
        text.pop_back();
        if (rows.size() > 1) {
          text.erase(0, text.rfind('\n') + 1);
          rows.pop_back();
        }
        context.out << text << (type == "DELETED" ? "   (deleted)" : "") << std::endl;
        return {};
      });
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
    bool watch = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* verb = app.add_subcommand("get", "Print services, routes and policies");
  verb->add_option("kind", args->kind, "services, meshservices, httproutes, servicepolicies, …, or kind/name")
      ->required();
  verb->add_option("name", args->name, "One object; [NAMESPACE/]NAME");
  verb->add_flag("-w,--watch", args->watch, "Go on and print each change; -o json: a JSON object a line");
  verb->callback([args, &action] {
    action = [args](Context& context) -> Status {
      const std::size_t slash = args->kind.find('/');
      if (slash != std::string::npos && args->name.empty()) {
        args->name = args->kind.substr(slash + 1);
        args->kind.resize(slash);
      }
      const Result<Kind> kind = FindKind(args->kind);
      if (!kind) return kind.error();
      if (args->watch && !args->name.empty()) {
        const NamespacedName one = SplitName(context, args->name);
        context.ns = one.ns;
        context.all_namespaces = false;
        context.field_selector += (context.field_selector.empty() ? "" : ",") + ("metadata.name=" + one.name);
      }
      if (args->watch) return WatchAll(context, *kind);
      if (!args->name.empty()) return GetOne(context, *kind, args->name);
      return GetAll(context, *kind);
    };
  });
}

}  // namespace weft::ctl
