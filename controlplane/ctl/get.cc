// weftctl get KIND [NAME…]: documents and registry services.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "controlplane/ctl/kinds.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

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

// Of those that are named each, else all.
Result<std::vector<Json>> Fetch(Context& context, const Wanted& wanted) {
  if (wanted.names.empty())
    return ListAll(context, ListPath(wanted.kind), ListQuery(context, wanted.kind.namespaced));
  std::vector<Json> items;
  for (const std::string& name : wanted.names) {
    Result<Json> item = context.client.Get(ItemPath(wanted.kind, SplitName(context, name)));
    if (!item) return item.error();
    items.push_back(std::move(*item));
  }
  return items;
}

// A table for each kind that has any, an empty line between them.
void PrintTables(Context& context, const std::vector<Wanted>& wanted,
                 const std::vector<std::vector<Json>>& items) {
  const char* between = "";
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (items[i].empty()) continue;
    context.out << between << KindTable(context, wanted[i].kind, items[i]).Text();
    between = "\n";
  }
}

void PrintNames(Context& context, const Kind& kind, const std::vector<Json>& items) {
  for (const Json& item : items) context.out << kind.singular << "/" << NameOf(item).name << "\n";
}

Status Get(Context& context, const std::vector<Wanted>& wanted) {
  std::vector<std::vector<Json>> items;
  std::vector<Json> all;
  for (const Wanted& each : wanted) {
    auto found = Fetch(context, each);
    if (!found) return found.error();
    all.insert(all.end(), found->begin(), found->end());
    items.push_back(std::move(*found));
  }
  const bool documents =
      std::all_of(wanted.begin(), wanted.end(), [](const Wanted& n) { return n.kind.resource; });
  const bool one = wanted.size() == 1 && wanted.front().names.size() == 1;
  if (context.structured() && one) {
    PrintDocument(context, all.front());
  } else if (context.structured() || all.empty()) {
    PrintList(context, all, Table(std::vector<Column>()), documents);
  } else if (context.format == Format::kName) {
    for (std::size_t i = 0; i < wanted.size(); ++i) PrintNames(context, wanted[i].kind, items[i]);
  } else {
    PrintTables(context, wanted, items);
  }
  return {};
}

Status Watch(Context& context, const std::vector<Wanted>& wanted) {
  if (wanted.size() != 1 || wanted.front().names.size() > 1)
    return Invalid("one kind, or one object, can be watched at a time", "-w");
  if (!wanted.front().names.empty()) {
    const NamespacedName one = SplitName(context, wanted.front().names.front());
    context.ns = one.ns;
    context.all_namespaces = false;
    context.field_selector += (context.field_selector.empty() ? "" : ",") + ("metadata.name=" + one.name);
  }
  return WatchAll(context, wanted.front().kind);
}

}  // namespace

void AddGet(CLI::App& app, Action& action) {
  struct Args {
    std::vector<std::string> words;
    bool watch = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* verb = app.add_subcommand("get", "Print services, routes and policies");
  verb->add_option("what", args->words,
                   "KIND [NAME…], KIND/NAME…, KIND,KIND or all; kinds: services, meshservices, httproutes, "
                   "servicepolicies, meshdefaults; names: [NAMESPACE/]NAME")
      ->required();
  verb->add_flag("-w,--watch", args->watch, "Go on and print each change; -o json: a JSON object a line");
  verb->callback([args, &action] {
    action = [args](Context& context) -> Status {
      const auto wanted = FindWanted(args->words);
      if (!wanted) return wanted.error();
      return args->watch ? Watch(context, *wanted) : Get(context, *wanted);
    };
  });
}

}  // namespace weft::ctl
