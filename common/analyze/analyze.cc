#include "common/analyze/analyze.h"

#include <algorithm>
#include <tuple>

#include "common/analyze/checks.h"
#include "common/compile/unit.h"

namespace weft::analyze {

using compile::Finding;

void Warn(Findings& findings, std::string code, const resource::Document& document, std::string field,
          std::string message) {
  findings.push_back(
      compile::MakeFinding(false, std::move(code), document, std::move(field), std::move(message)));
}

std::vector<Finding> Analyze(const compile::Inputs& inputs) {
  const compile::Output compiled = compile::Compile(inputs);
  Subject subject{inputs, compiled, {}};
  for (const resource::DocumentPtr& document : inputs.documents)
    subject.by_name.emplace(document->Name(), document.get());
  Findings findings = compiled.findings;
  for (const auto check : {FindShadowed, FindSharedAddresses, FindPointless, FindLoosened})
    check(subject, findings);
  const auto order = [](const Finding& f) { return std::tie(f.resource, f.field, f.code, f.message); };
  std::stable_sort(findings.begin(), findings.end(), [&](const Finding& a, const Finding& b) {
    return a.error != b.error ? a.error : order(a) < order(b);
  });
  const auto same = [&](const Finding& a, const Finding& b) { return order(a) == order(b); };
  findings.erase(std::unique(findings.begin(), findings.end(), same), findings.end());
  return findings;
}

}  // namespace weft::analyze
