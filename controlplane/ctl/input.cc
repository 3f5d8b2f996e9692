#include "controlplane/ctl/input.h"

#include <CLI/CLI.hpp>
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

bool IsDocument(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

template <class Iterator>
std::vector<std::filesystem::path> DocumentsIn(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& entry : Iterator(folder, ignored)) {
    if (IsDocument(entry.path()) && !entry.is_directory(ignored)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Result<std::vector<InputFile>> ReadInputs(const Context& context, const std::vector<std::string>& paths) {
  const auto in_folder = context.recursive ? &DocumentsIn<std::filesystem::recursive_directory_iterator>
                                           : &DocumentsIn<std::filesystem::directory_iterator>;
  std::vector<InputFile> files;
  for (const std::string& path : paths) {
    if (path == "-") {
      files.push_back({"standard input", ReadAll(context.in)});
      continue;
    }
    const bool folder = std::filesystem::is_directory(path);
    const auto names = folder ? in_folder(path) : std::vector<std::filesystem::path>{path};
    if (names.empty())
      return Invalid("the folder holds no *.yaml, *.yml or *.json file; -R looks into the folders in it, too",
                     {}, path);
    for (const auto& name : names) {
      Result<InputFile> file = ReadInput(name);
      if (!file) return file.error();
      files.push_back(std::move(*file));
    }
  }
  return files;
}

void AddDryRun(CLI::App& verb, bool& dry_run) {
  const auto as_kubectl = [](const std::string& text) {
    return text == "server" || text == "client" ? std::string("true")
           : text == "none"                     ? std::string("false")
                                                : text;
  };
  verb.add_flag("--dry-run", dry_run, "Let the server check everything and change nothing")
      ->transform(as_kubectl, "", "");
}

}  // namespace weft::ctl
