#include "common/stamp/stamp.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace weft::stamp {
namespace {

TEST(StampTest, AnEditAReplacementAndAnAbsenceAreSeen) {
  const std::string path = testing::TempDir() + "weft-stamp-" + std::to_string(getpid());
  EXPECT_EQ(StampOf(path), "missing");
  std::ofstream(path) << "one";
  const std::string first = StampOf(path);
  EXPECT_EQ(StampOf(path), first);
  std::ofstream(path, std::ios::app) << "more";
  const std::string edited = StampOf(path);
  EXPECT_NE(edited, first);
  std::ofstream(path + ".new") << "onemore";  // the same size, within the clock's grain
  std::filesystem::rename(path + ".new", path);
  EXPECT_NE(StampOf(path), edited);
  std::filesystem::remove(path);
  EXPECT_EQ(StampOf(path), "missing");
}

}  // namespace
}  // namespace weft::stamp
