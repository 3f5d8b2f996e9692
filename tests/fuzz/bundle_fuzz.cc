// Bundles and deltas from foreign bytes: what is accepted must serialise to a form that is accepted again and
// is its own canonical form, and the builder must take or refuse it without harm.
#include "common/snapshot/builder.h"
#include "common/wire/wire.h"
#include "tests/fuzz/require.h"

using weft::fuzz::Require;

namespace {

void TryBundle(std::string_view bytes) {
  const weft::Result<weft::policy::ServiceBundle> bundle = weft::wire::Parse(bytes);
  if (!bundle) return Require(!bundle.error().field.empty() && !bundle.error().detail.empty());
  const std::string canonical = weft::wire::Serialize(*bundle);
  const weft::Result<weft::policy::ServiceBundle> again = weft::wire::Parse(canonical);
  Require(again.has_value() && weft::wire::Serialize(*again) == canonical);
}

void TryDelta(std::string_view bytes) {
  weft::v1::Delta message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const weft::Result<weft::snapshot::Delta> delta = weft::wire::FromProto(message);
  if (!delta) return;
  weft::snapshot::Builder builder([] { return std::set<weft::ServiceKey>(); });
  builder.Apply(*delta);
  builder.Apply(*delta);
  Require(!weft::snapshot::FindUndefined(builder.parts()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    TryBundle(rest);
  } else {
    TryDelta(rest);
  }
  return 0;
}
