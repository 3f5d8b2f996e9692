#include "common/compile/compile.h"

#include <algorithm>

#include "common/compile/compiler.h"

namespace weft::compile {
namespace {

// Every document once; of two with one name neither may win silently.
Edits Unique(const Inputs& inputs, std::vector<Finding>& findings) {
  std::map<std::string, const resource::Document*> seen;
  Edits unique;
  for (const resource::DocumentPtr& document : inputs.documents) {
    const auto [first, is_new] = seen.emplace(document->Name(), document.get());
    if (is_new) {
      unique.push_back({nullptr, document});
    } else {
      findings.push_back(MakeFinding(
          true, "Duplicate", *document, "metadata.name",
          "stands twice, first at " + first->second->Where("metadata.name") + ": remove one or rename it"));
    }
  }
  return unique;
}

}  // namespace

std::string Finding::Text() const {
  std::string text;
  for (const std::string* part : {&where, &resource, &field}) {
    if (!part->empty() && (part != &resource || resource != where)) text.append(*part).append(": ");
  }
  return text + message;
}

bool Output::ok() const {
  return std::none_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.error; });
}

Output Compile(const Inputs& inputs) {
  std::vector<Finding> duplicates;
  const Edits documents = Unique(inputs, duplicates);
  Output output = Compiler(inputs.environment, inputs.cluster).Change(documents);
  output.findings.insert(output.findings.end(), duplicates.begin(), duplicates.end());
  SortFindings(output.findings);
  output.removed.clear();
  return output;
}

}  // namespace weft::compile
