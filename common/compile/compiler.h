#pragma once
// Compile, for a set of documents that changes a little at a time: only the services in whose meaning a
// changed document has a part are compiled anew. After any sequence of changes it says what Compile would say
// of the documents that are left. Thread rule: not thread safe.

#include "common/compile/unit.h"

namespace weft::compile {

// One document, before and after; null: it was not there, it is no more. Those that are left must have names
// of their own.
struct Edit {
  resource::DocumentPtr before, after;
};
using Edits = std::vector<Edit>;

class Compiler {
 public:
  explicit Compiler(policy::PolicySpec environment, std::string cluster = "local")
      : index_(std::move(cluster)), environment_(std::move(environment)) {}

  // The services that may have changed, and those that are gone; the findings of all. A change is taken back
  // by the same edits the other way round.
  Output Change(const Edits& edits);
  std::vector<Finding> Findings() const;  // of all documents, sorted

 private:
  Index index_;
  policy::PolicySpec environment_;
  std::map<ServiceKey, std::vector<Finding>> findings_;  // of those that have some
};

Edits Reversed(const Edits& edits);

}  // namespace weft::compile
