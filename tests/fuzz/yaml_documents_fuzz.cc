// Documents from foreign bytes: what is accepted must survive being written as JSON and as YAML, and must
// compile to bundles that agents accept; each complaint says something.
#include "common/compile/compile.h"
#include "common/wire/wire.h"
#include "tests/fuzz/require.h"

using weft::fuzz::Require;

namespace {

using weft::resource::DocumentPtr;
using weft::resource::Parsed;
using weft::resource::ParseDocuments;

void RequireSame(const DocumentPtr& document, const std::string& text) {
  const Parsed again = ParseDocuments(text, "");
  Require(again.ok() && again.documents.size() == 1 && again.documents[0]->json == document->json);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Parsed parsed = ParseDocuments({reinterpret_cast<const char*>(data), size}, "f.yaml");
  for (const weft::Error& error : parsed.errors) Require(!error.detail.empty() && !error.where.empty());
  for (const DocumentPtr& document : parsed.documents) {
    RequireSame(document, document->json);
    RequireSame(document, weft::resource::ToPrettyJson(*document));
    RequireSame(document, weft::resource::ToYaml(*document));
  }
  weft::compile::Inputs inputs;
  inputs.documents = parsed.documents;
  weft::compile::Output output = weft::compile::Compile(inputs);
  if (!output.ok()) return 0;
  for (auto& [key, bundle] : output.bundles) Require(weft::wire::Seal(std::move(bundle)).has_value());
  return 0;
}
