// Without libFuzzer: runs one target over its corpus, so that what a fuzzer once found is an ordinary test.
// Usage: TARGET FOLDER; where many targets are one program (cmake/join.cmake): PROGRAM NAME FOLDER
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <vector>

#ifndef WEFT_FUZZ_TARGETS
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
#define WEFT_FUZZ_TARGETS \
  { "", LLVMFuzzerTestOneInput }
#endif

int main(int argc, char** argv) {
  const std::map<std::string_view, int (*)(const std::uint8_t*, std::size_t)> targets = {WEFT_FUZZ_TARGETS};
  const auto target = targets.find(argc == 3 ? argv[1] : "");
  if (argc < 2 || target == targets.end()) {
    std::fprintf(stderr, "usage: %s %sFOLDER\n", argv[0], targets.contains("") ? "" : "TARGET ");
    return 2;
  }
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[argc - 1])) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    std::printf("%s\n", entry.path().c_str());
    std::fflush(stdout);
    target->second(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++count;
  }
  std::printf("%zu inputs, none failed\n", count);
  return count == 0 ? 1 : 0;  // an empty corpus tests nothing
}
