// weftctl validate -f FILE|-: offline, with the code that the server and the agents run.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "common/compile/compile.h"
#include "common/resource/document.h"
#include "controlplane/ctl/input.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

Status RunValidate(Context& context, const std::vector<std::string>& paths) {
  const Result<std::vector<InputFile>> files = ReadInputs(context, paths);
  if (!files) return files.error();
  compile::Inputs inputs;
  std::size_t problems = 0, warnings = 0;
  for (const InputFile& file : *files) {
    resource::Parsed parsed = resource::ParseDocuments(file.text, file.name, {context.ns});
    for (const Error& error : parsed.errors) context.err << "error: " << error.Text() << "\n";
    problems += parsed.errors.size();
    inputs.documents.insert(inputs.documents.end(), parsed.documents.begin(), parsed.documents.end());
  }
  const compile::Output output = compile::Compile(inputs);
  for (const compile::Finding& finding : output.findings) {
    context.err << (finding.error ? "error: " : "warning: ") << finding.Text() << " [" << finding.code
                << "]\n";
    (finding.error ? problems : warnings) += 1;
  }
  if (problems > 0) return Invalid(std::to_string(problems) + " problem(s) found");
  context.out << inputs.documents.size() << " document(s) valid, " << output.bundles.size() << " service(s)";
  if (warnings > 0) context.out << ", " << warnings << " warning(s)";
  context.out << "\n";
  return {};
}

}  // namespace

void AddValidate(CLI::App& app, Action& action) {
  auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("validate", "Check resource files offline, as the server would");
  verb->add_option("-f,--filename,files", *paths, "Files or folders; - reads standard input")->required();
  verb->callback(
      [paths, &action] { action = [paths](Context& context) { return RunValidate(context, *paths); }; });
}

}  // namespace weft::ctl
