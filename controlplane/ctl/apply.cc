// weftctl apply -f FILE|-: all documents in one transaction, checked here first so that problems name their
// file.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "common/resource/document.h"
#include "controlplane/ctl/input.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct ApplyArgs {
  std::vector<std::string> files;
  bool dry_run = false;
};

// Every problem on its own line; the error sums them up.
Result<std::string> CheckedBody(Context& context, const std::vector<InputFile>& files) {
  std::string body;
  std::size_t problems = 0, documents = 0;
  for (const InputFile& file : files) {
    const resource::Parsed parsed = resource::ParseDocuments(file.text, file.name, {context.ns});
    for (const Error& error : parsed.errors) context.err << error.Text() << "\n";
    problems += parsed.errors.size();
    documents += parsed.documents.size();
    for (const resource::DocumentPtr& document : parsed.documents) body += "---\n" + document->json + "\n";
  }
  if (problems > 0)
    return Invalid(std::to_string(problems) + " problem(s) in the documents; nothing was applied");
  if (documents == 0)
    return Invalid("the input holds no document; give resources with apiVersion, kind and metadata.name");
  return body;
}

void PrintResults(Context& context, const Json& answer, bool dry_run) {
  for (const Json& result : answer.value("results", Json::array())) {
    std::string kind = Text(result, "kind");
    for (char& c : kind) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const std::string ns = Text(result, "namespace");
    context.out << kind << "/" << (ns.empty() || ns == context.ns ? "" : ns + "/") << Text(result, "name")
                << " " << Text(result, "action") << (dry_run ? " (dry run)" : "") << "\n";
  }
  for (const Json& finding : answer.value("findings", Json::array())) {
    context.err << "warning: " << Text(finding, "resource") << ": " << Text(finding, "message") << " ["
                << Text(finding, "code") << "]\n";
  }
}

Status RunApply(Context& context, const ApplyArgs& args) {
  const Result<std::vector<InputFile>> files = ReadInputs(args.files, context.in);
  if (!files) return files.error();
  const Result<std::string> body = CheckedBody(context, *files);
  if (!body) return body.error();
  const std::string target = args.dry_run ? "/api/v1/apply?dryRun=true" : "/api/v1/apply";
  const Result<Json> answer = context.client.Post(target, *body, "application/yaml");
  if (!answer) return answer.error();
  if (context.structured()) {
    PrintDocument(context, *answer);
  } else {
    PrintResults(context, *answer, args.dry_run);
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
