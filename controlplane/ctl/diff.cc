// weftctl diff -f FILE | REVISION [REVISION]: what an apply would change, or what changed between two
// revisions. As with kubectl, the program ends with 0 when nothing differs, 1 when something does, 2 after a
// failure.

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "common/diff/diff.h"
#include "controlplane/ctl/kinds.h"
#include "controlplane/ctl/results.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct DiffArgs {
  std::vector<std::string> files;
  std::vector<std::uint64_t> revisions;
};

// The server's document; null: there is none.
Result<resource::DocumentPtr> ReadLive(Context& context, const resource::Document& local) {
  const Result<Kind> kind = FindKind(resource::ToString(local.kind));
  if (!kind) return kind.error();
  const Result<Json> live = context.client.Get(ItemPath(*kind, {local.metadata.ns, local.metadata.name}));
  if (!live && live.error().kind == ErrorKind::kNotFound) return resource::DocumentPtr();
  if (!live) return live.error();
  const resource::Parsed parsed = resource::ParseDocuments(live->dump(), context.client.server());
  if (!parsed.ok()) return parsed.errors.front();
  return parsed.documents.front();
}

// Where a document names no creation time, the server keeps its own.
std::string MergedYaml(const resource::Document& local, const resource::Document* live) {
  if (live == nullptr || local.metadata.created != 0 || live->metadata.created == 0)
    return resource::ToYaml(local);
  return resource::ToYaml(*resource::WithCreationTime(local, live->metadata.created));
}

Status DiffFiles(Context& context, const DiffArgs& args) {
  const auto documents = CheckedDocuments(context, args.files);
  if (!documents) return documents.error();
  const Result<Json> checked =
      context.client.Post("/api/v1/apply?dryRun=true", BodyOf(*documents), "application/yaml");
  if (!checked) return checked.error();
  for (const resource::DocumentPtr& local : *documents) {
    const auto live = ReadLive(context, *local);
    if (!live) return live.error();
    const std::string text = diff::Unified(*live == nullptr ? std::string() : resource::ToYaml(**live),
                                           MergedYaml(*local, live->get()),
                                           {local->Name() + "\tlive", local->Name() + "\t" + local->file});
    context.out << text;
    if (!text.empty()) context.exit.success = 1;
  }
  return {};
}

Status DiffRevisions(Context& context, const DiffArgs& args) {
  std::string path = "/api/v1/revisions/" + std::to_string(args.revisions.front()) + "/diff";
  if (args.revisions.size() == 2) path += "?to=" + std::to_string(args.revisions.back());
  const Result<Json> answer = context.client.Get(path);
  if (!answer) return answer.error();
  const std::vector<Json> items = Items(*answer);
  if (!items.empty()) context.exit.success = 1;
  if (context.structured()) {
    PrintDocument(context, *answer);
    return {};
  }
  for (const Json& one : items) context.out << Text(one, "diff");
  return {};
}

}  // namespace

void AddDiff(CLI::App& app, Action& action) {
  auto args = std::make_shared<DiffArgs>();
  CLI::App* verb =
      app.add_subcommand("diff", "Show what apply would change, or what differs between revisions");
  auto* files = verb->add_option("-f,--filename", args->files, "File or folder; - reads standard input");
  verb->add_option("revisions", args->revisions, "Two revisions; one is compared with the newest")
      ->expected(1, 2)
      ->excludes(files);
  verb->callback([args, &action] {
    action = [args](Context& context) -> Status {
      context.exit.failure = 2;
      if (!args->files.empty()) return DiffFiles(context, *args);
      if (!args->revisions.empty()) return DiffRevisions(context, *args);
      return Invalid("say what to compare: weftctl diff -f FILE, or weftctl diff REVISION [REVISION]");
    };
  });
}

}  // namespace weft::ctl
