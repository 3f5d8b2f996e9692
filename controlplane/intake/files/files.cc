#include "controlplane/intake/files/files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/log/log.h"
#include "common/stamp/stamp.h"

namespace weft::intake::files {
namespace {

bool IsResourceFile(const std::filesystem::path& path) {
  const std::string end = path.extension().string();
  return end == ".yaml" || end == ".yml" || end == ".json";
}

Result<std::string> ReadWhole(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    if (file && file.peek() == std::ifstream::traits_type::eof()) return std::string();  // an empty file
    return Invalid("cannot read this file of resources", {}, name);
  }
  return text.str();
}

}  // namespace

Files::Files(api::Control& control, std::vector<std::string> paths)
    : control_(control), paths_(std::move(paths)) {}

Result<std::vector<std::string>> Files::Names() const {
  std::vector<std::string> names;
  for (const std::string& path : paths_) {
    std::error_code failed;
    if (!std::filesystem::is_directory(path, failed)) {
      names.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path, failed)) {
      if (IsResourceFile(entry.path())) names.push_back(entry.path().string());
    }
    if (failed) return Invalid("cannot read this folder of resources: " + failed.message(), {}, path);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Files::Stamp() const {
  const auto names = Names();
  if (!names) return names.error().Text();
  std::string stamp;
  for (const std::string& name : *names) stamp += name + ":" + stamp::StampOf(name) + "\n";
  return stamp;
}

Status Files::Load() {
  stamp_ = Stamp();
  const auto names = Names();
  if (!names) return names.error();
  std::vector<resource::DocumentPtr> documents;
  for (const std::string& name : *names) {
    const auto text = ReadWhole(name);
    if (!text) return text.error();
    resource::Parsed parsed = resource::ParseDocuments(*text, name);
    if (!parsed.ok()) return parsed.errors.front();
    documents.insert(documents.end(), parsed.documents.begin(), parsed.documents.end());
  }
  const auto done = control_.Replace("files", std::move(documents));
  if (!done) return done.error();
  log::Info("resource files loaded", {{"files", names->size()}, {"revision", done->revision()}});
  return {};
}

void Files::Poll(const std::function<void(const Error&)>& warn) {
  if (paths_.empty() || Stamp() == stamp_) return;
  const Status done = Load();
  const std::string problem = done ? std::string() : done.error().Text();
  if (!done && problem != warned_) warn(done.error());
  warned_ = problem;
  if (!done && control_.RollingOut()) stamp_.clear();  // again when it has ended
}

}  // namespace weft::intake::files
