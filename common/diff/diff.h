#pragma once
// The difference of two texts by lines, written as `diff -u` writes it. Shortest edit script after E. Myers,
// "An O(ND) Difference Algorithm and Its Variations" (1986); texts more than 1,000 edits apart are shown as
// all out, all in. Pure.

#include <string>
#include <string_view>

namespace weft::diff {

struct Names {
  std::string_view before, after;  // after "--- " and "+++ "
};

// Empty when the texts are equal. A text without a newline at its end is told as diff does.
std::string Unified(std::string_view before, std::string_view after, const Names& names);

}  // namespace weft::diff
