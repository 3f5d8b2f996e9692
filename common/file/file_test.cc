#include "common/file/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace weft::file {
namespace {

struct FileTest : testing::Test {
  FileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-file-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(folder); }
  unsigned ModeOf(const std::string& path) {
    struct stat info {};
    ::stat(path.c_str(), &info);
    return info.st_mode & 0777U;
  }
  std::string folder;
};

TEST_F(FileTest, WhatWasWrittenIsReadAndOnlyItsOwnerMay) {
  const std::string path = folder + "/secret";
  EXPECT_EQ(Read(path, 100).error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(Replace(path, "one"));
  ASSERT_TRUE(Replace(path, "two"));
  EXPECT_EQ(Read(path, 100).value(), "two");
  EXPECT_EQ(ModeOf(path), 0600U);
  ASSERT_TRUE(Replace(folder + "/open", "x", true));
  EXPECT_EQ(ModeOf(folder + "/open") & 0700U, 0600U);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(FileTest, WhatCannotBeReadOrWrittenNamesItsPath) {
  EXPECT_NE(Read(folder, 100).error().Text().find(folder), std::string::npos);
  ASSERT_TRUE(Replace(folder + "/large", std::string(101, 'x')));
  EXPECT_FALSE(Read(folder + "/large", 100));
  EXPECT_NE(Replace(folder + "/none/x", "y").error().Text().find("none/x.new"), std::string::npos);
}

}  // namespace
}  // namespace weft::file
