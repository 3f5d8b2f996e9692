#pragma once
// Configuration from files: `resources:` of the agent's file, files or folders (*.yaml, *.yml, *.json, in the
// order of their names). They are looked at every half second; what counts is that size, time, inode or the
// list of files changed, so atomic replacement and symbolic links that are switched over are seen. A set that
// does not read or compile keeps the last good one and is logged once, with file, line and field. Thread
// rule: the cold thread.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/cold/cold.h"
#include "agent/config/link.h"

namespace weft::config {

struct FileLinkOptions {
  static constexpr Duration kEvery = std::chrono::milliseconds(500);

  std::vector<std::string> paths;
  std::string cluster = "local", ns = "default";  // ns: of documents that name none
};

// Name and text of each file, in the order in which they are read. An error names the path.
using Texts = std::vector<std::pair<std::string, std::string>>;
Result<Texts> ReadFiles(const std::vector<std::string>& paths);
class FileLink final : public Link {
 public:
  // Texts to a full delta; the program gives resources::CompileTexts. An error carries all complaints.
  using Compiler = std::function<Result<snapshot::Delta>(const Texts&, const FileLinkOptions&)>;

  FileLink(cold::Cold& cold, FileLinkOptions options, Compiler compile);
  ~FileLink() override { Stop(); }

  void Start(Callbacks callbacks) override;  // the first load happens inside
  void Stop() override { *alive_ = false; }
  bool on_demand() const override { return false; }
  void Subscribe(std::span<const ServiceKey>) override {}
  void Unsubscribe(std::span<const ServiceKey>) override {}
  void Acknowledge(const Acknowledgement&) override {}
  void FindAddress(const net::Address&) override {}

  void Reload();  // SIGHUP: looks now, whatever the times say

 private:
  void LookLater();
  void Look();
  void Load();

  cold::Cold& cold_;
  const FileLinkOptions options_;
  const Compiler compile_;
  Callbacks callbacks_;
  std::string seen_;  // what the files looked like at the last load
  Texts loaded_;      // of the last good set
  std::uint64_t revision_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weft::config
