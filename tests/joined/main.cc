// One program for the tests of many folders. Usage, from the top folder: PROGRAM [--gtest_…] [FILE_test.cc…]:
// the tests in these files, else all. A test in a header that several folders share, instantiated as `Dns/…`,
// goes with the files of the folder `dns` beside that header, where there is one.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>
#include <span>
#include <string>

namespace {

namespace fs = std::filesystem;

// The compiler named it seen from the build folder, or in full.
fs::path FromTop(const std::string& file) {
  const std::size_t up = file.rfind("../");
  return fs::proximate(up == std::string::npos ? file : file.substr(up + 3));
}

class Wanted {
 public:
  explicit Wanted(std::span<char*> files) {
    for (const char* file : files) files_.insert(FromTop(file));
    for (const fs::path& file : files_) folders_.insert(file.parent_path());
  }
  // For --gtest_filter; empty: none.
  std::string Filter() const {
    std::string filter;
    EachTest([&](const testing::TestSuite& suite, const testing::TestInfo& test) {
      if (Has(suite.name(), FromTop(test.file())))
        filter += std::string(suite.name()) + '.' + test.name() + ':';
    });
    return filter;
  }

 private:
  template <class Visit>
  static void EachTest(Visit visit) {
    const testing::UnitTest& all = *testing::UnitTest::GetInstance();
    for (int i = 0; i < all.total_test_suite_count(); ++i) {
      const testing::TestSuite& suite = *all.GetTestSuite(i);
      for (int j = 0; j < suite.total_test_count(); ++j) visit(suite, *suite.GetTestInfo(j));
    }
  }
  bool Has(const std::string& suite, const fs::path& file) const {
    if (file.extension() == ".cc") return files_.contains(file);
    const fs::path here = file.parent_path();
    std::string name = suite.substr(0, suite.find('/'));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    return folders_.contains(fs::exists(here / name) ? here / name : here);
  }

  std::set<fs::path> files_, folders_;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1 && testing::GTEST_FLAG(filter) == "*") {
    testing::GTEST_FLAG(filter) = Wanted({argv + 1, argv + argc}).Filter();
    if (testing::GTEST_FLAG(filter).empty()) {
      std::cerr << "this program has no test of " << argv[1] << '\n';
      return 1;
    }
  }
  return RUN_ALL_TESTS();
}
