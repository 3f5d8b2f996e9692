// docs/configuration.md has a row for everything that can be written.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "common/policy/fields.h"

namespace weft::resource {
namespace {

std::string ReadWhole(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  EXPECT_FALSE(text.str().empty()) << file;
  return text.str();
}

// Lines of tables only: what stands in prose is no row.
std::string Rows() {
  std::istringstream lines(ReadWhole("docs/configuration.md"));
  std::string rows;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('|')) rows += line + '\n';
  }
  return rows;
}

TEST(ConfigurationDocTest, EveryFieldOfAPolicyHasARow) {
  const std::string rows = Rows();
  policy::VisitBlocks([&](const std::string& block, auto spec_block, auto) {
    const auto* kind = &(static_cast<const policy::PolicySpec*>(nullptr)->*spec_block);
    policy::VisitFields(decltype(kind){nullptr}, [&](const std::string& name, auto, auto, auto) {
      const std::string field = block + "." + name;
      EXPECT_NE(rows.find("| `" + field + "` |"), std::string::npos) << field;
    });
  });
}

// Keys that a schema reads, found in its source by the calls that read them.
TEST(ConfigurationDocTest, EveryKeyOfASchemaStandsInARow) {
  const std::regex call(R"re((?:Optional|Required|Need|Find|List|Map|Maps|Value|Values)\("(\w+)")re");
  const std::string rows = Rows();
  const std::regex separators("[^A-Za-z0-9_]+");
  const std::set<std::string> words(std::sregex_token_iterator(rows.begin(), rows.end(), separators, -1),
                                    std::sregex_token_iterator());
  for (const char* file :
       {"mesh_service", "http_route", "route_match", "route_filters", "documents", "read_policy"}) {
    const std::string source = ReadWhole("common/resource/" + std::string(file) + ".cc");
    for (std::sregex_iterator it(source.begin(), source.end(), call), end; it != end; ++it) {
      const std::string key = (*it)[1];
      if (key == "items") continue;  // of a kind: List
      EXPECT_TRUE(words.contains(key)) << file << ": " << key;
    }
  }
}

}  // namespace
}  // namespace weft::resource
