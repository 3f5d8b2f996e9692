// weftctl apply -f FILE|-: all documents in one transaction, checked here first so that problems name their
// file.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <ostream>

#include "controlplane/ctl/input.h"
#include "controlplane/ctl/results.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct ApplyArgs {
  std::vector<std::string> files;
  bool dry_run = false;
  std::optional<std::string> rollout;  // its stages; empty: the usual ones
  std::string bake, converge;          // empty: the server's
};

std::string ApplyTarget(const ApplyArgs& args) {
  std::string query = args.dry_run ? "&dryRun=true" : "";
  if (args.rollout) query += "&rollout=" + Escape(*args.rollout);
  if (!args.bake.empty()) query += "&bake=" + Escape(args.bake);
  if (!args.converge.empty()) query += "&converge=" + Escape(args.converge);
  if (!query.empty()) query.front() = '?';
  return "/api/v1/apply" + query;
}

Status RunApply(Context& context, const ApplyArgs& args) {
  const auto documents = CheckedDocuments(context, args.files);
  if (!documents) return documents.error();
  if (documents->empty()) {
    context.err << "The list is empty: nothing was applied.\n";
    return {};
  }
  const Result<Json> answer = context.client.Post(ApplyTarget(args), BodyOf(*documents), "application/yaml");
  if (!answer) return answer.error();
  if (context.structured()) {
    PrintDocument(context, *answer);
  } else {
    PrintResults(context, *answer);
    if (!args.dry_run && Text(*answer, "rollout") == "true") {
      context.out << "revision " << Text(*answer, "revision")
                  << " is being rolled out; follow it with `weftctl rollout status -w`\n";
    }
  }
  return {};
}

}  // namespace

void AddApply(CLI::App& app, Action& action) {
  auto args = std::make_shared<ApplyArgs>();
  CLI::App* verb = app.add_subcommand("apply", "Create or change resources from files, in one transaction");
  verb->add_option("-f,--filename", args->files, "File or folder; - reads standard input")->required();
  AddDryRun(*verb, args->dry_run);
  verb->add_option_function<std::string>(
          "--rollout", [args](const std::string& stages) { args->rollout = stages; },
          "Release in stages, each watched: 3 agents, 10%, a label selector, all; alone: 1,10%,all. "
          "Separated by "
          "commas, or semicolons where a selector has commas")
      ->expected(0, 1);
  verb->add_option("--bake", args->bake,
                   "With --rollout: how long to compare each stage's traffic (30s); 0: not");
  verb->add_option("--converge", args->converge,
                   "With --rollout: time for a stage's agents to apply it (30s)");
  verb->callback([args, &action] { action = [args](Context& context) { return RunApply(context, *args); }; });
}

}  // namespace weft::ctl
