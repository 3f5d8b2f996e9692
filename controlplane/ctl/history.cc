// weftctl history [KIND NAME]: the revisions, newest first; rollback REVISION: the way back to one.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/input.h"
#include "controlplane/ctl/kinds.h"
#include "controlplane/ctl/results.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct HistoryArgs {
  std::string kind, name;
  std::uint32_t limit = 20;
};

Result<std::string> HistoryPath(const Context& context, const HistoryArgs& args) {
  std::string path = "/api/v1/revisions?limit=" + std::to_string(args.limit);
  if (args.kind.empty()) return path;
  if (args.name.empty()) return Invalid("name the resource too: weftctl history KIND NAME");
  const Result<Kind> kind = FindKind(args.kind);
  if (!kind) return kind.error();
  const std::string document(kind->resource ? kind->name : "MeshService");  // a service is stored as one
  const NamespacedName name = SplitName(context, args.name);
  return path + "&kind=" + document + "&namespace=" + Escape(name.ns) + "&name=" + Escape(name.name);
}

Status PrintHistory(Context& context, const HistoryArgs& args) {
  const Result<std::string> path = HistoryPath(context, args);
  if (!path) return path.error();
  const Result<Json> answer = context.client.Get(*path);
  if (!answer) return answer.error();
  if (context.structured()) {
    PrintDocument(context, *answer);
    return {};
  }
  Table table({{"REVISION"}, {"AGE"}, {"BY"}, {"CHANGES"}});
  for (const Json& revision : Items(*answer)) {
    table.Add({Text(revision, "revision"), Age(context, Text(revision, "at")), Text(revision, "principal"),
               Text(revision, "summary")});
  }
  if (table.empty()) {
    context.err << "No revisions found.\n";
  } else {
    context.out << table.Text();
  }
  return {};
}

Status RunRollback(Context& context, std::uint64_t revision, bool dry_run) {
  const std::string wanted = std::to_string(revision);
  const Result<Json> answer = context.client.Post(
      "/api/v1/revisions/" + wanted + ":rollback" + (dry_run ? "?dryRun=true" : ""), {}, {});
  if (!answer) return answer.error();
  if (context.structured()) {
    PrintDocument(context, *answer);
    return {};
  }
  PrintResults(context, *answer);
  if (Text(*answer, "unchanged") == "true") {
    context.out << "nothing to change: what the API owns is as it was at revision " << wanted << "\n";
  } else if (dry_run) {
    context.out << "revision " << wanted << " would be back (dry run)\n";
  } else {
    context.out << "revision " << wanted << " is back, as revision " << Text(*answer, "revision") << "\n";
  }
  return {};
}

}  // namespace

void AddHistory(CLI::App& app, Action& action) {
  auto args = std::make_shared<HistoryArgs>();
  CLI::App* verb = app.add_subcommand("history", "Print who changed what, newest first");
  verb->add_option("kind", args->kind, "Only revisions that changed one resource: its kind");
  verb->add_option("name", args->name, "and its [NAMESPACE/]NAME");
  verb->add_option("--limit", args->limit, "How many")->capture_default_str()->check(CLI::Range(1, 1000));
  verb->callback(
      [args, &action] { action = [args](Context& context) { return PrintHistory(context, *args); }; });
}

void AddRollback(CLI::App& app, Action& action) {
  struct Args {
    std::uint64_t revision = 0;
    bool dry_run = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* verb = app.add_subcommand("rollback", "Bring back all resources as they were at a revision");
  verb->add_option("revision", args->revision, "As history prints it")->required();
  AddDryRun(*verb, args->dry_run);
  verb->callback([args, &action] {
    action = [args](Context& context) { return RunRollback(context, args->revision, args->dry_run); };
  });
}

}  // namespace weft::ctl
