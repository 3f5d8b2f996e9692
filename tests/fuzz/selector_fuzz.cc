// Label and field selectors: whatever is accepted says itself again, and matching never fails.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "common/resource/selector.h"

namespace {

using weft::resource::Selector;

void Check(const weft::Result<Selector>& selector, bool fields) {
  if (!selector) return;
  const std::string text = selector->Text();
  if (text.size() > 4096) return;  // "in(a,b)" is written with a blank
  const auto again = fields
                         ? Selector::ParseFields(text, "f", {"metadata.name", "metadata.namespace", "kind"})
                         : Selector::ParseLabels(text, "f");
  if (!again || again->Text() != text) std::abort();
  const std::string value = "a";
  selector->Matches([&](const std::string& key) { return key.size() % 2 == 0 ? &value : nullptr; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(Selector::ParseLabels(text, "f"), false);
  Check(Selector::ParseFields(text, "f", {"metadata.name", "metadata.namespace", "kind"}), true);
  return 0;
}
