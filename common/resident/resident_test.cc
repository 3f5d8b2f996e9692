#include "common/resident/resident.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace weft::resident {
namespace {

std::size_t FilePages() {  // proc(5), statm: size resident shared …
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0, resident = 0, shared = 0;
  statm >> size >> resident >> shared;
  return shared;
}

TEST(ResidentTest, PagesOfTheProgramLeaveAndComeBackWhenTheyAreRead) {
  const std::size_t before = FilePages();
  const std::size_t bytes = LetGoOfProgramPages();
  if (bytes == 0) GTEST_SKIP() << "traced";
  EXPECT_GT(bytes, 100'000U);
  EXPECT_LT(FilePages(), before);
  EXPECT_EQ(std::to_string(before).find_first_not_of("0123456789"), std::string::npos);  // still runs
}

TEST(ResidentTest, WhatWasWrittenStays) {
  static std::string written = "constant";
  static const char* pointer = "a relocated pointer";
  written += " and more";
  LetGoOfProgramPages();
  EXPECT_EQ(written, "constant and more");
  EXPECT_STREQ(pointer, "a relocated pointer");
}

}  // namespace
}  // namespace weft::resident
