// weftctl analyze [FILE…]: findings about files, offline, or about what the control plane holds.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "common/analyze/analyze.h"
#include "controlplane/ctl/input.h"
#include "controlplane/ctl/kinds.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct AnalyzeArgs {
  std::vector<std::string> files, suppressed;
  std::string fail_on = "error";
};

using Documents = Result<std::vector<resource::DocumentPtr>>;

// What is no document is a finding like others.
Documents ReadFiles(const Context& context, const std::vector<std::string>& paths,
                    std::vector<compile::Finding>& findings) {
  const Result<std::vector<InputFile>> files = ReadInputs(context, paths);
  if (!files) return files.error();
  std::vector<resource::DocumentPtr> documents;
  for (const InputFile& file : *files) {
    resource::Parsed parsed = resource::ParseDocuments(file.text, file.name, {context.ns});
    for (const Error& error : parsed.errors)
      findings.push_back({true, "Invalid", "", error.field, error.where, error.detail});
    documents.insert(documents.end(), parsed.documents.begin(), parsed.documents.end());
  }
  return documents;
}

Documents ReadServer(Context& context) {
  std::vector<resource::DocumentPtr> documents;
  for (const resource::Kind each : resource::kKinds) {
    const Result<Kind> kind = FindKind(resource::ToString(each));
    if (!kind) return kind.error();
    const Result<std::vector<Json>> items = ListAll(context, ListPath(*kind), "");
    if (!items) return items.error();
    for (const Json& item : *items) {
      const resource::Parsed parsed = resource::ParseDocuments(item.dump(), context.client.server());
      if (!parsed.ok()) return parsed.errors.front();
      documents.push_back(parsed.documents.front());
    }
  }
  return documents;
}

std::string LevelOf(const compile::Finding& finding) { return finding.error ? "Error" : "Warning"; }

// "Warning [NoBackend] (HTTPRoute default/cart mesh.yaml:12:5) spec.rules[0]: has neither …"
void PrintText(Context& context, const compile::Finding& finding, bool places) {
  std::string at = finding.resource;
  if (places && finding.where != finding.resource) at += (at.empty() ? "" : " ") + finding.where;
  context.out << LevelOf(finding) << " [" << finding.code << "] (" << at << ") "
              << (finding.field.empty() ? "" : finding.field + ": ") << finding.message << "\n";
}

void PrintStructured(Context& context, const std::vector<compile::Finding>& findings, bool places) {
  Json items = Json::array();
  for (const compile::Finding& finding : findings) {
    Json item = {{"level", LevelOf(finding)},
                 {"code", finding.code},
                 {"resource", finding.resource},
                 {"field", finding.field},
                 {"message", finding.message}};
    if (places) item["place"] = finding.where;
    items.push_back(std::move(item));
  }
  PrintDocument(context, {{"items", std::move(items)}});
}

Status RunAnalyze(Context& context, const AnalyzeArgs& args) {
  const bool offline = !args.files.empty();
  std::vector<compile::Finding> findings;
  Documents documents = offline ? ReadFiles(context, args.files, findings) : ReadServer(context);
  if (!documents) return documents.error();
  compile::Inputs inputs;
  inputs.documents = std::move(*documents);
  const std::vector<compile::Finding> analysed = analyze::Analyze(inputs);
  findings.insert(findings.end(), analysed.begin(), analysed.end());
  std::erase_if(findings, [&](const compile::Finding& finding) {
    return std::find(args.suppressed.begin(), args.suppressed.end(), finding.code) != args.suppressed.end();
  });
  if (context.structured()) {
    PrintStructured(context, findings, offline);
  } else {
    for (const compile::Finding& finding : findings) PrintText(context, finding, offline);
    if (findings.empty()) context.out << "nothing found in " << inputs.documents.size() << " document(s)\n";
  }
  const bool any_error = std::any_of(findings.begin(), findings.end(),
                                     [](const compile::Finding& finding) { return finding.error; });
  if (any_error || (args.fail_on == "warning" && !findings.empty())) context.exit.success = 1;
  return {};
}

}  // namespace

void AddAnalyze(CLI::App& app, Action& action) {
  auto args = std::make_shared<AnalyzeArgs>();
  CLI::App* verb =
      app.add_subcommand("analyze", "Find what is written and not meant, in files or on the server");
  verb->add_option("-f,--filename,files", args->files,
                   "Files or folders; - reads standard input; none: the server's");
  verb->add_option("-S,--suppress", args->suppressed, "Codes to leave out")->delimiter(',');
  verb->add_option("--fail-on", args->fail_on, "error or warning: what makes the exit code 1")
      ->check(CLI::IsMember({"error", "warning"}))
      ->capture_default_str();
  verb->callback(
      [args, &action] { action = [args](Context& context) { return RunAnalyze(context, *args); }; });
}

}  // namespace weft::ctl
