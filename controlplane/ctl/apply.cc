// weftctl apply -f FILE|-: all documents in one transaction, checked here first so that problems name their
// file.
#include <CLI/CLI.hpp>
#include <memory>

#include "controlplane/ctl/results.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct ApplyArgs {
  std::vector<std::string> files;
  bool dry_run = false;
};

Status RunApply(Context& context, const ApplyArgs& args) {
  const auto documents = CheckedDocuments(context, args.files);
  if (!documents) return documents.error();
  if (documents->empty()) {
    context.err << "The list is empty: nothing was applied.\n";
    return {};
  }
  const std::string target = args.dry_run ? "/api/v1/apply?dryRun=true" : "/api/v1/apply";
  const Result<Json> answer = context.client.Post(target, BodyOf(*documents), "application/yaml");
  if (!answer) return answer.error();
  if (context.structured()) {
    PrintDocument(context, *answer);
  } else {
    PrintResults(context, *answer);
  }
  return {};
}

}  // namespace

void AddApply(CLI::App& app, Action& action) {
  auto args = std::make_shared<ApplyArgs>();
  CLI::App* verb = app.add_subcommand("apply", "Create or change resources from files, in one transaction");
  verb->add_option("-f,--filename", args->files, "File or folder; - reads standard input")->required();
  verb->add_flag("--dry-run", args->dry_run, "Let the server check everything and change nothing");
  verb->callback([args, &action] { action = [args](Context& context) { return RunApply(context, *args); }; });
}

}  // namespace weft::ctl
