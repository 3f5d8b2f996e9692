// weftctl delete KIND NAME | -f FILE: removes resources; `instance SERVICE/ID` removes one from the registry.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "common/resource/document.h"
#include "controlplane/ctl/input.h"
#include "controlplane/ctl/instance_path.h"
#include "controlplane/ctl/kinds.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct DeleteArgs {
  std::vector<std::string> words, files;
  bool ignore_missing = false, dry_run = false;
};

Status DeleteOne(Context& context, const DeleteArgs& args, const std::string& path,
                 const std::string& label) {
  const Result<Json> answer = context.client.Delete(path + (args.dry_run ? "?dryRun=true" : ""));
  if (!answer) {
    if (args.ignore_missing && answer.error().kind == ErrorKind::kNotFound) return {};
    return answer.error();
  }
  context.out << label << " deleted" << (args.dry_run ? " (dry run)" : "") << "\n";
  return {};
}

Status DeleteKind(Context& context, const DeleteArgs& args, const Kind& kind, const NamespacedName& name) {
  return DeleteOne(context, args, ItemPath(kind, name),
                   std::string(kind.singular) + " \"" + name.name + "\"");
}

Status DeleteFiles(Context& context, const DeleteArgs& args) {
  const Result<std::vector<InputFile>> files = ReadInputs(context, args.files);
  if (!files) return files.error();
  for (const InputFile& file : *files) {
    const resource::Parsed parsed = resource::ParseDocuments(file.text, file.name, {context.ns});
    if (!parsed.ok()) return parsed.errors.front();
    for (const resource::DocumentPtr& document : parsed.documents) {
      const Result<Kind> kind = FindKind(resource::ToString(document->kind));
      if (!kind) return kind.error();
      const Status done = DeleteKind(context, args, *kind, {document->metadata.ns, document->metadata.name});
      if (!done) return done;
    }
  }
  return {};
}

Status DeleteNames(Context& context, const DeleteArgs& args) {
  const auto named = FindWanted(args.words);
  if (!named) return named.error();
  for (const Wanted& each : *named) {
    if (each.names.empty()) return Invalid("name what to delete: weftctl delete KIND NAME, or -f FILE");
    for (const std::string& name : each.names) {
      if (auto done = DeleteKind(context, args, each.kind, SplitName(context, name)); !done) return done;
    }
  }
  return {};
}

Status DeleteInstances(Context& context, const DeleteArgs& args) {
  if (args.words.size() < 2) return Invalid("name what to delete: weftctl delete instance SERVICE/ID");
  for (std::size_t i = 1; i < args.words.size(); ++i) {
    const Result<std::string> path = InstancePath(context, args.words[i]);
    if (!path) return path.error();
    if (auto done = DeleteOne(context, args, *path, "instance \"" + args.words[i] + "\""); !done) return done;
  }
  return {};
}

Status RunDelete(Context& context, const DeleteArgs& args) {
  if (!args.files.empty()) return DeleteFiles(context, args);
  if (args.words.empty()) return Invalid("name what to delete: weftctl delete KIND NAME, or -f FILE");
  const bool instances = args.words.front() == "instance" || args.words.front() == "instances";
  return instances ? DeleteInstances(context, args) : DeleteNames(context, args);
}

}  // namespace

void AddDelete(CLI::App& app, Action& action) {
  auto args = std::make_shared<DeleteArgs>();
  CLI::App* verb = app.add_subcommand("delete", "Remove resources, registry services or instances");
  verb->add_option("what", args->words,
                   "KIND NAME… or KIND/NAME…, as for get; instance [NAMESPACE/]SERVICE/ID…");
  verb->add_option("-f,--filename", args->files, "Delete what these files describe");
  AddDryRun(*verb, args->dry_run);
  verb->add_flag("--ignore-not-found", args->ignore_missing, "What does not exist is no error");
  verb->callback(
      [args, &action] { action = [args](Context& context) { return RunDelete(context, *args); }; });
}

}  // namespace weft::ctl
