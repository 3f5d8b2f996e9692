#pragma once
// Documents from files and folders (`--resources`): loaded at the start and again whenever one of them
// changes, as one transaction under the owner "files". An error keeps what was good. A folder stands for its
// *.yaml, *.yml and
// *.json, not deeper. Thread rule: one thread, or a strand.

#include <functional>
#include <string>
#include <vector>

#include "controlplane/api/control.h"

namespace weft::intake::files {

class Files {
 public:
  Files(api::Control& control, std::vector<std::string> paths);

  Status Load();  // now; an error tells file, line and field
  // Loads again when a file came, went or changed; call it every second or so. `warn` hears of an error once.
  void Poll(const std::function<void(const Error&)>& warn);

 private:
  Result<std::vector<std::string>> Names() const;
  std::string Stamp() const;  // changes with every replacement and edit

  api::Control& control_;
  const std::vector<std::string> paths_;
  std::string stamp_;
  std::string warned_;  // the last problem
};

}  // namespace weft::intake::files
