// Cache files from foreign bytes. The checksum is put right first, so that what lies behind it is reached.
#include "agent/config/cache.h"
#include "common/wire/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  (void)weft::config::DecodeCache(bytes).has_value();
  if (bytes.size() < 80) return 0;
  bytes.replace(0, 8, "WEFTLKG1");
  bytes.replace(8, 64, weft::wire::Sha256Hex(std::string_view(bytes).substr(72)));
  const weft::Result<weft::config::Cached> cached = weft::config::DecodeCache(bytes);
  if (!cached) return 0;
  const std::string again = weft::config::EncodeCache(*cached);
  if (!weft::config::DecodeCache(again)) __builtin_trap();
  weft::snapshot::Builder builder([] { return std::set<weft::ServiceKey>(); });
  builder.Restore(cached->parts);
  return 0;
}
