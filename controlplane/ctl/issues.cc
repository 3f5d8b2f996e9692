// weftctl issues: what is wrong now, causes first.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct IssuesArgs {
  bool one_namespace = false;
};

Status RunIssues(Context& context, const IssuesArgs& args) {
  const bool one = args.one_namespace && !context.all_namespaces;
  const Result<Json> answer =
      context.client.Get(one ? "/api/v1/issues?namespace=" + Escape(context.ns) : "/api/v1/issues");
  if (!answer) return answer.error();
  const std::vector<Json> items = Items(*answer);
  if (items.empty() && !context.structured()) {
    context.out << "No issues.\n";
    return {};
  }
  const bool wide = context.format == Format::kWide;
  Table table(
      wide ? std::vector<Column>{{"SEVERITY"},
                                 {"CODE"},
                                 {"SUBJECT"},
                                 {"SINCE"},
                                 {"CAUSE"},
                                 {"EVIDENCE"},
                                 {"SUGGESTION"}}
           : std::vector<Column>{{"SEVERITY"}, {"CODE"}, {"SUBJECT"}, {"SINCE"}, {"CAUSE"}, {"EVIDENCE"}});
  for (const Json& issue : items) {
    std::vector<std::string> row = {Text(issue, "severity"), Text(issue, "code"),
                                    Text(issue, "subject"),  Age(context, Text(issue, "since")),
                                    Text(issue, "cause"),    Text(issue, "evidence")};
    if (wide) row.push_back(Text(issue, "suggestion"));
    table.Add(std::move(row));
  }
  PrintList(context, items, table);
  if (!context.structured() && !wide)
    context.out << "\n" << Text(items[0], "subject") << ": " << Text(items[0], "suggestion") << ".\n";
  return {};
}

}  // namespace

void AddIssues(CLI::App& app, Action& action) {
  auto args = std::make_shared<IssuesArgs>();
  CLI::App* verb =
      app.add_subcommand("issues", "Print what is wrong now: evidence, since when, what to do (-o wide)");
  const CLI::Option* ns = app.get_option("--namespace");
  verb->callback([args, ns, &action] {
    args->one_namespace = ns->count() > 0;
    action = [args](Context& context) { return RunIssues(context, *args); };
  });
}

}  // namespace weft::ctl
