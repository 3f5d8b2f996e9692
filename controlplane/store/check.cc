#include "controlplane/store/check.h"

#include <set>

namespace weft::store {

Status CheckChange(const Change& change, const std::optional<std::uint64_t>& current) {
  const std::string name = change.key.ToString();
  if (change.if_absent && current) {
    return Error{ErrorKind::kPreconditionFailed, name + " exists already (If-None-Match: *)", {}, {}};
  }
  if (change.if_revision && current != change.if_revision) {
    const std::string now = current ? "is at \"" + std::to_string(*current) + "\"" : "does not exist";
    return Error{
        ErrorKind::kPreconditionFailed, name + " " + now + "; read it again and repeat the change", {}, {}};
  }
  if (!change.json && !current) return Error{ErrorKind::kNotFound, name + " does not exist", {}, {}};
  return {};
}

Error NoRevision(std::uint64_t revision) {
  return {ErrorKind::kNotFound, "there is no revision " + std::to_string(revision), {}, {}};
}

Error NoRollout(std::uint64_t revision) {
  return {
      ErrorKind::kNotFound, "revision " + std::to_string(revision) + " was not rolled out in stages", {}, {}};
}

Status CheckWrite(const Write& write, std::uint64_t head) {
  if (write.changes.empty()) return Invalid("a write holds at least one change");
  std::set<Key> seen;
  for (const Change& change : write.changes) {
    if (!seen.insert(change.key).second)
      return Invalid(change.key.ToString() + " is written twice in one transaction");
  }
  if (write.base && *write.base != head) {
    return Error{ErrorKind::kConflict,
                 "another write came first (revision " + std::to_string(head) + "); try again",
                 {},
                 {}};
  }
  return {};
}

}  // namespace weft::store
