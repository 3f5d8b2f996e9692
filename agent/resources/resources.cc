#include "agent/resources/resources.h"

#include "common/compile/compile.h"
#include "common/wire/wire.h"

namespace weft::resources {
namespace {

constexpr std::size_t kMostComplaints = 20;

// Collects complaints, one per line.
class Complaints {
 public:
  void Add(const std::string& text) {
    if (++count_ <= kMostComplaints) text_ += (text_.empty() ? "" : "\n") + text;
  }
  bool empty() const { return count_ == 0; }
  Error TakeError() {
    if (count_ > kMostComplaints) text_ += "\nand " + std::to_string(count_ - kMostComplaints) + " more";
    return Invalid(std::move(text_));
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

// An empty file, or one of comments only, holds no documents.
bool Blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

}  // namespace

Result<snapshot::Delta> CompileTexts(const config::Texts& texts, const config::FileLinkOptions& options) {
  Complaints complaints;
  compile::Inputs inputs;
  inputs.cluster = options.cluster;
  for (const auto& [file, text] : texts) {
    if (Blank(text)) continue;
    resource::Parsed parsed = resource::ParseDocuments(text, file, {options.ns});
    for (const Error& error : parsed.errors) complaints.Add(error.Text());
    inputs.documents.insert(inputs.documents.end(), parsed.documents.begin(), parsed.documents.end());
  }
  if (!complaints.empty()) return complaints.TakeError();
  compile::Output output = compile::Compile(inputs);
  for (const compile::Finding& finding : output.findings) {
    if (finding.error) complaints.Add(finding.Text());
  }
  snapshot::Delta delta;
  for (auto& [key, bundle] : output.bundles) {
    Result<policy::BundlePtr> sealed = wire::Seal(std::move(bundle));
    if (sealed) delta.bundles.push_back(std::move(*sealed));
    if (!sealed) complaints.Add(key.ToString() + ": " + sealed.error().Text());
  }
  for (auto& [key, endpoints] : output.endpoints) {
    delta.endpoints.push_back({{}, 0, std::make_shared<const snapshot::Endpoints>(std::move(endpoints))});
  }
  if (!complaints.empty()) return complaints.TakeError();
  return delta;
}

}  // namespace weft::resources
