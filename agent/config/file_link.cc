#include "agent/config/file_link.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/stamp/stamp.h"

namespace weft::config {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestFile = 16U << 20U;
constexpr std::size_t kMostFiles = 10000;

bool IsResourceFile(const fs::path& path) {
  const std::string suffix = path.extension().string();
  const bool hidden = path.filename().string().starts_with('.');
  return !hidden && (suffix == ".yaml" || suffix == ".yml" || suffix == ".json");
}

// The files behind one entry of `resources`, which may be missing.
std::vector<std::string> Expand(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> out;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (IsResourceFile(it->path()) && out.size() < kMostFiles) out.push_back(it->path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string LookOf(const std::vector<std::string>& paths) {
  std::string look;
  for (const std::string& path : paths) {
    for (const std::string& file : Expand(path)) look += file + ' ' + stamp::StampOf(file) + '\n';
  }
  return look;
}

Result<std::string> ReadText(const std::string& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (!error && size > kLargestFile)
    return Error{ErrorKind::kTooLarge, "is larger than 16 MiB", "resources", file};
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (error || !stream) return Error{ErrorKind::kNotFound, "cannot be read", "resources", file};
  if (size > 0) text << stream.rdbuf();
  return text.str();
}

}  // namespace

Result<Texts> ReadFiles(const std::vector<std::string>& paths) {
  Texts out;
  for (const std::string& path : paths) {
    for (const std::string& file : Expand(path)) {
      Result<std::string> text = ReadText(file);
      if (!text) return text.error();
      out.emplace_back(file, std::move(*text));
    }
  }
  return out;
}

FileLink::FileLink(cold::Cold& cold, FileLinkOptions options, Compiler compile)
    : cold_(cold), options_(std::move(options)), compile_(std::move(compile)) {}

void FileLink::Start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  Look();
  LookLater();
}

void FileLink::LookLater() {
  cold_.After(FileLinkOptions::kEvery, [this, guard = alive_] {
    if (!*guard) return;
    Look();
    LookLater();
  });
}

void FileLink::Look() {
  std::string look = LookOf(options_.paths);
  if (look == seen_) return;
  seen_ = std::move(look);
  Load();
}

void FileLink::Reload() {
  seen_ = LookOf(options_.paths);
  Load();
}

void FileLink::Load() {
  Result<Texts> texts = ReadFiles(options_.paths);
  if (!texts) return callbacks_.on_state(LinkState::kWaiting, texts.error().Text());
  if (revision_ > 0 && *texts == loaded_) return callbacks_.on_state(LinkState::kConnected, {});
  Result<snapshot::Delta> delta = compile_(*texts, options_);
  if (!delta) return callbacks_.on_state(LinkState::kWaiting, delta.error().Text());
  loaded_ = std::move(*texts);
  ++revision_;
  delta->sequence = revision_;
  delta->full = true;
  delta->version = snapshot::Version{{}, 1, revision_};
  for (snapshot::EndpointsUpdate& update : delta->endpoints) update.epoch = revision_;
  callbacks_.on_delta(*delta);
  callbacks_.on_state(LinkState::kConnected, {});
}

}  // namespace weft::config
