#include "common/compile/compiler.h"

namespace weft::compile {

Output Compiler::Change(const Edits& edits) {
  std::set<ServiceKey> touched;
  for (const Edit& edit : edits) {
    if (edit.before != nullptr) touched.merge(index_.TouchedBy(*edit.before));
    if (edit.before != nullptr) index_.Remove(edit.before);
    if (edit.after != nullptr) index_.Add(edit.after);
  }
  for (const Edit& edit : edits) {
    if (edit.after != nullptr) touched.merge(index_.TouchedBy(*edit.after));
  }
  Output output;
  for (const ServiceKey& key : touched) {
    Unit unit = CompileUnit(index_, environment_, key);
    findings_.erase(key);
    if (!unit.findings.empty()) findings_[key] = std::move(unit.findings);
    if (!unit.bundle) {
      output.removed.insert(key);
      continue;
    }
    output.bundles.emplace(key, std::move(*unit.bundle));
    output.endpoints.emplace(key, std::move(*unit.endpoints));
  }
  output.findings = Findings();
  return output;
}

std::vector<Finding> Compiler::Findings() const {
  std::vector<Finding> all;
  for (const auto& [key, findings] : findings_) all.insert(all.end(), findings.begin(), findings.end());
  SortFindings(all);
  return all;
}

Edits Reversed(const Edits& edits) {
  Edits reversed;
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit)
    reversed.push_back({edit->after, edit->before});
  return reversed;
}

}  // namespace weft::compile
