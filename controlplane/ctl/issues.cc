// weftctl issues: what is wrong now, causes first.
#include <CLI/CLI.hpp>
#include <ostream>

#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

Status RunIssues(Context& context) {
  const Result<Json> answer = context.client.Get(OfMesh(context, "/api/v1/issues"));
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
  CLI::App* verb =
      app.add_subcommand("issues", "Print what is wrong now: evidence, since when, what to do (-o wide)");
  verb->callback([&action] { action = RunIssues; });
}

}  // namespace weft::ctl
