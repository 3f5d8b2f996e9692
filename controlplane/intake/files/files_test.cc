#include "controlplane/intake/files/files.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "controlplane/intake/conformance.h"

namespace weft::intake::files {
namespace {

class Folder final : public World {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "weft-files-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~Folder() override { std::filesystem::remove_all(folder_); }

  std::string owner() const override { return "files"; }
  bool is_endpoints() const override { return false; }
  void Connect(Scene& scene) override {
    source_ = std::make_unique<Files>(scene.life->registrar.Add("files", {.whole = true}),
                                      std::vector<std::string>{folder_});
    (void)source_->Start();
  }
  void Disconnect() override { source_.reset(); }
  void Put(const Placed& placed) override {
    services_[placed.service][placed.id] = placed;
    Write(placed.service);
  }
  void Remove(const std::string& service, const std::string& id) override {
    services_[service].erase(id);
    Write(service);
  }
  void GoDown() override { std::ofstream(folder_ + "/broken.yaml") << "kind: [\n"; }
  void ComeBack() override { std::filesystem::remove(folder_ + "/broken.yaml"); }
  void Turn() override { source_->Look(); }

 private:
  void Write(const std::string& service) {
    const std::string name = folder_ + "/" + service;
    std::ofstream file(name + ".new");
    file << "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: " << service
         << "}\nspec:\n  ports: [{port: 80}]\n  instances:\n";
    if (services_[service].empty()) file << "  []\n";
    for (const auto& [id, one] : services_[service])
      file << "  - {id: " << id << ", address: 127.0.0.1, port: " << one.port
           << ", weight: " << (one.state == Placed::State::kDraining ? 0 : 1) << "}\n";
    file.close();
    std::filesystem::rename(name + ".new", name + ".yaml");
  }
  std::string folder_;
  std::map<std::string, std::map<std::string, Placed>> services_;
  std::unique_ptr<Files> source_;
};

INSTANTIATE_TEST_SUITE_P(Files, SourceConformance,
                         testing::Values([] { return std::make_unique<Folder>(); }));

}  // namespace
}  // namespace weft::intake::files
