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

Files::Files(Sink& sink, std::vector<std::string> paths) : sink_(sink), paths_(std::move(paths)) {}

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

Result<PicturePtr> Files::Read() const {
  const auto names = Names();
  if (!names) return names.error();
  auto picture = std::make_shared<Picture>();
  for (const std::string& name : *names) {
    const auto text = ReadWhole(name);
    if (!text) return text.error();
    const resource::Parsed parsed = resource::ParseDocuments(*text, name);
    if (!parsed.ok()) return parsed.errors.front();
    for (const resource::DocumentPtr& document : parsed.documents) {
      const ServiceKey key{"local", document->metadata.ns, document->metadata.name};
      if (document->kind != resource::Kind::kMeshService) {
        picture->rules.push_back(document);
      } else if (!picture->services.emplace(key, std::make_shared<const Found>(Found{document, {}})).second) {
        return Invalid(document->Name() + " stands twice in these files", "metadata.name",
                       document->Where("metadata.name"));
      }
    }
  }
  log::Info(
      "resource files read",
      {{"files", names->size()}, {"services", picture->services.size()}, {"rules", picture->rules.size()}});
  return PicturePtr(std::move(picture));
}

Status Files::Load() {
  stamp_ = Stamp();
  auto picture = Read();
  if (picture) return sink_.Report(std::move(*picture));
  sink_.Lost(picture.error());
  return picture.error();
}

Status Files::Start() { return Load(); }

void Files::Look() {
  if (Stamp() != stamp_) (void)Load();  // the sink tells what is wrong
}

}  // namespace weft::intake::files
