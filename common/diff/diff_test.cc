#include "common/diff/diff.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <vector>

namespace weft::diff {
namespace {

TEST(DiffTest, EqualTextsHaveNone) {
  EXPECT_EQ(Unified("a\nb\n", "a\nb\n", {"x", "y"}), "");
  EXPECT_EQ(Unified("", "", {"x", "y"}), "");
}

TEST(DiffTest, AChangedLineStandsInThreeLinesOfContext) {
  EXPECT_EQ(Unified("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", {"old", "new"}),
            "--- old\n+++ new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(DiffTest, DistantChangesAreHunksOfTheirOwnAndNearOnesShareOne) {
  std::string before, after;
  for (int i = 1; i <= 30; ++i) {
    before += std::to_string(i) + "\n";
    if (i != 5 && i != 9 && i != 25) after += std::to_string(i) + "\n";
  }
  EXPECT_EQ(Unified(before, after, {"a", "b"}),
            "--- a\n+++ b\n@@ -2,11 +2,9 @@\n 2\n 3\n 4\n-5\n 6\n 7\n 8\n-9\n 10\n 11\n 12\n"
            "@@ -22,7 +20,6 @@\n 22\n 23\n 24\n-25\n 26\n 27\n 28\n");
}

TEST(DiffTest, WholeTextsComeAndGoAndAMissingNewlineIsTold) {
  EXPECT_EQ(Unified("", "a\nb\n", {"/dev/null", "b"}), "--- /dev/null\n+++ b\n@@ -0,0 +1,2 @@\n+a\n+b\n");
  EXPECT_EQ(Unified("a\n", "", {"a", "/dev/null"}), "--- a\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
  EXPECT_EQ(Unified("a", "a\n", {"a", "b"}),
            "--- a\n+++ b\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

// What `patch` does with a diff, without its search.
std::string Patched(const std::string& before, const std::string& diff) {
  std::istringstream lines(diff), old(before);
  std::string line, out, from;
  std::size_t at = 0;
  for (int i = 0; i < 2; ++i) std::getline(lines, line);
  while (std::getline(lines, line)) {
    if (line[0] == '@') {
      std::size_t start = std::stoul(line.substr(4));
      const bool none = line.substr(4, line.find(' ', 4) - 4).ends_with(",0");
      if (none) ++start;
      while (at + 1 < start && std::getline(old, from)) out += from + "\n", ++at;
      continue;
    }
    if (line[0] != '+') {
      std::getline(old, from);
      ++at;
      EXPECT_EQ(from, line.substr(1));
    }
    if (line[0] != '-') out += line.substr(1) + "\n";
  }
  while (std::getline(old, from)) out += from + "\n";
  return out;
}

TEST(DiffTest, AppliedToTheOldTextItGivesTheNewOne) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::string before, after;
    for (auto n = random() % 40; n > 0; --n)
      before += std::string(1, static_cast<char>('a' + random() % 4)) + "\n";
    for (auto n = random() % 40; n > 0; --n)
      after += std::string(1, static_cast<char>('a' + random() % 4)) + "\n";
    if (before == after) continue;
    EXPECT_EQ(Patched(before, Unified(before, after, {"a", "b"})), after);
  }
}

TEST(DiffTest, TextsThatShareNothingAreAllOutAndAllIn) {
  std::string before, after;
  for (int i = 0; i < 3000; ++i) before += std::to_string(i) + "\n", after += "x" + std::to_string(i) + "\n";
  const std::string diff = Unified(before, after, {"a", "b"});
  EXPECT_TRUE(diff.starts_with("--- a\n+++ b\n@@ -1,3000 +1,3000 @@\n-0\n-1\n"));
  EXPECT_EQ(Patched(before, diff), after);
}

}  // namespace
}  // namespace weft::diff
