#pragma once
// Documents from files and folders (`--resources`): loaded at the start and again whenever one of them
// changes, as one transaction under the owner "files". An error keeps what was good. A folder stands for its
// *.yaml, *.yml and *.json, not deeper. Thread rule: one thread, or a strand.

#include <string>
#include <vector>

#include "controlplane/intake/source.h"

namespace weft::intake::files {

class Files final : public Source {
 public:
  Files(Sink& sink, std::vector<std::string> paths);

  Status Start() override;  // an error tells file, line and field
  void Look() override;     // loads again when a file came, went or changed

 private:
  Result<std::vector<std::string>> Names() const;
  std::string Stamp() const;  // changes with every replacement and edit
  Result<PicturePtr> Read() const;
  Status Load();

  Sink& sink_;
  const std::vector<std::string> paths_;
  std::string stamp_;
};

}  // namespace weft::intake::files
