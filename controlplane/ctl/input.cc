#include "controlplane/ctl/input.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace weft::ctl {
namespace {

constexpr std::uintmax_t kMaxInputBytes = 8U << 20;

std::string ReadAll(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Result<InputFile> ReadInput(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::file_size(path, ignored) > kMaxInputBytes && !ignored) {
    return Invalid("the file is larger than 8 MiB; split it", {}, path.string());
  }
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Error{
        ErrorKind::kNotFound, "cannot read the file; check its name and permissions", {}, path.string()};
  return InputFile{path.string(), ReadAll(file)};
}

std::vector<std::filesystem::path> DocumentsIn(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".yaml" || extension == ".yml" || extension == ".json") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Result<std::vector<InputFile>> ReadInputs(const std::vector<std::string>& paths, std::istream& in) {
  std::vector<InputFile> files;
  for (const std::string& path : paths) {
    if (path == "-") {
      files.push_back({"standard input", ReadAll(in)});
      continue;
    }
    const bool folder = std::filesystem::is_directory(path);
    const auto names = folder ? DocumentsIn(path) : std::vector<std::filesystem::path>{path};
    if (names.empty()) return Invalid("the folder holds no *.yaml, *.yml or *.json file", {}, path);
    for (const auto& name : names) {
      Result<InputFile> file = ReadInput(name);
      if (!file) return file.error();
      files.push_back(std::move(*file));
    }
  }
  return files;
}

}  // namespace weft::ctl
