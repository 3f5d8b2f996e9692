#include "common/resource/problems.h"

namespace weft::resource {

void Problems::Add(Mark mark, std::string field, std::string detail, ErrorKind kind) {
  if (++count_ > kMax) return;
  errors_.push_back(Error{kind, std::move(detail), std::move(field), Where(mark)});
}

std::vector<Error> Problems::Take() {
  if (count_ > kMax) {
    errors_.push_back(Invalid(std::to_string(count_ - kMax) + " further problems are not shown", {}, file_));
  }
  count_ = 0;
  return std::move(errors_);
}

std::string Problems::Where(Mark mark) const {
  std::string where = file_;
  if (mark.line == 0) return where;
  if (!where.empty()) where += ':';
  return where + std::to_string(mark.line) + ':' + std::to_string(mark.column);
}

}  // namespace weft::resource
