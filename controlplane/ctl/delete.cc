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
  std::string kind;
  std::vector<std::string> names, files;
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
  const Result<std::vector<InputFile>> files = ReadInputs(args.files, context.in);
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
  if (args.names.empty()) return Invalid("name what to delete: weftctl delete KIND NAME, or -f FILE");
  const bool instance = args.kind == "instance" || args.kind == "instances";
  for (const std::string& text : args.names) {
    Status done;
    if (instance) {
      const Result<std::string> path = InstancePath(context, text);
      done = path ? DeleteOne(context, args, *path, "instance \"" + text + "\"") : Status(path.error());
    } else {
      const Result<Kind> kind = FindKind(args.kind);
      done = kind ? DeleteKind(context, args, *kind, SplitName(context, text)) : Status(kind.error());
    }
    if (!done) return done;
  }
  return {};
}

}  // namespace

void AddDelete(CLI::App& app, Action& action) {
  auto args = std::make_shared<DeleteArgs>();
  CLI::App* verb = app.add_subcommand("delete", "Remove resources, registry services or instances");
  verb->add_option("kind", args->kind, "Kind as for get, or instance");
  verb->add_option("names", args->names, "[NAMESPACE/]NAME; of an instance [NAMESPACE/]SERVICE/ID");
  verb->add_option("-f,--filename", args->files, "Delete what these files describe");
  verb->add_flag("--dry-run", args->dry_run, "Let the server check everything and change nothing");
  verb->add_flag("--ignore-not-found", args->ignore_missing, "What does not exist is no error");
  verb->callback([args, &action] {
    action = [args](Context& context) {
      return args->files.empty() ? DeleteNames(context, *args) : DeleteFiles(context, *args);
    };
  });
}

}  // namespace weft::ctl
