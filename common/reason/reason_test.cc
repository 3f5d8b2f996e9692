#include "common/reason/reason.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace weft {
namespace {

std::string ReadFile(const char* path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(ReasonTest, NamesAreUniqueAndReadBack) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_TRUE(seen.insert(ToString(reason)).second) << ToString(reason);
    EXPECT_EQ(ParseReason(ToString(reason)), reason);
    EXPECT_FALSE(Sentence(reason).empty());
  }
  EXPECT_FALSE(ParseReason("no_such_reason").has_value());
}

TEST(ReasonTest, EachHasALineInTheDocumentation) {
  const std::string page = ReadFile("docs/reasons.md");
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const std::string row = "| `" + std::string(ToString(static_cast<Reason>(i))) + "` |";
    EXPECT_NE(page.find(row), std::string::npos) << "docs/reasons.md has no row " << row;
  }
}

}  // namespace
}  // namespace weft
