#include "controlplane/ctl/results.h"

#include <ostream>

#include "controlplane/ctl/input.h"

namespace weft::ctl {

void PrintResults(Context& context, const Json& answer) {
  const bool dry_run = Text(answer, "dryRun") == "true";
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

void PrintField(std::ostream& out, std::string name, const std::string& value) {
  if (value.empty()) return;
  name.resize(12, ' ');
  out << "  " << name << value << "\n";
}

Result<std::vector<resource::DocumentPtr>> CheckedDocuments(Context& context,
                                                            const std::vector<std::string>& paths) {
  const Result<std::vector<InputFile>> files = ReadInputs(context, paths);
  if (!files) return files.error();
  std::vector<resource::DocumentPtr> documents;
  std::size_t problems = 0;
  bool empty_list = false;
  for (const InputFile& file : *files) {
    const resource::Parsed parsed = resource::ParseDocuments(file.text, file.name, {context.ns});
    for (const Error& error : parsed.errors) context.err << error.Text() << "\n";
    problems += parsed.errors.size();
    empty_list |= parsed.empty_list;
    documents.insert(documents.end(), parsed.documents.begin(), parsed.documents.end());
  }
  if (problems > 0)
    return Invalid(std::to_string(problems) + " problem(s) in the documents; nothing was applied");
  if (documents.empty() && !empty_list)
    return Invalid("the input holds no document; give resources with apiVersion, kind and metadata.name");
  return documents;
}

std::string BodyOf(const std::vector<resource::DocumentPtr>& documents) {
  std::string body;
  for (const resource::DocumentPtr& document : documents) body += "---\n" + document->json + "\n";
  return body;
}

}  // namespace weft::ctl
