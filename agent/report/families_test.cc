#include "agent/report/families.h"

#include <gtest/gtest.h>

#include <fstream>

namespace weft::report {
namespace {

constexpr std::string_view kProgram = "weft-agent ";

std::vector<std::string> GoldenLines() {
  std::ifstream file("tests/golden/metrics.txt");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kProgram)) lines.push_back(line);
  }
  return lines;
}

TEST(FamiliesTest, EveryExposedNameStandsInTheGoldenList) {
  metrics::Registry registry;
  const Families families(registry);
  std::vector<std::string> exposed;
  for (const std::string& line : registry.Describe()) exposed.push_back(std::string(kProgram) + line);
  std::string wanted;
  for (const std::string& line : exposed) wanted += line + "\n";
  EXPECT_EQ(GoldenLines(), exposed) << "tests/golden/metrics.txt should have:\n" << wanted;
}

TEST(FamiliesTest, EveryExposedNameIsExplained) {
  std::ifstream file("docs/metrics.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  metrics::Registry registry;
  const Families families(registry);
  for (const std::string& line : registry.Describe()) {
    const std::size_t begin = line.find(' ') + 1;
    const std::string name = line.substr(begin, line.find('{') - begin);
    EXPECT_NE(page.find("`" + name + "`"), std::string::npos) << name << " has no line in docs/metrics.md";
  }
}

}  // namespace
}  // namespace weft::report
