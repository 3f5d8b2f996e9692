#pragma once
// Collects what is wrong with one text, so that an operator sees all of it at once. Thread rule: plain value.

#include <string>
#include <vector>

#include "common/resource/node.h"
#include "common/result/result.h"

namespace weft::resource {

class Problems {
 public:
  static constexpr std::size_t kMax = 100;  // further ones are counted only

  explicit Problems(std::string file) : file_(std::move(file)) {}

  void Add(Mark mark, std::string field, std::string detail, ErrorKind kind = ErrorKind::kInvalid);
  std::size_t count() const { return count_; }
  const std::vector<Error>& errors() const { return errors_; }
  std::vector<Error> Take();           // the last entry says how many were left out, if any
  std::string Where(Mark mark) const;  // "file:line:column", "line:column", "file"

 private:
  std::string file_;
  std::vector<Error> errors_;
  std::size_t count_ = 0;
};

}  // namespace weft::resource
