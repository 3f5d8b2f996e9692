// PROXY headers from foreign bytes: whole and cut into pieces must read the same, and addresses that are
// written again must read to the same addresses.
#include "agent/detect/proxy_header.h"
#include "tests/fuzz/require.h"

using weft::detect::ProxyHeader;
using weft::detect::ReadProxyHeader;
using weft::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeader whole = ReadProxyHeader(bytes);
  for (std::size_t most = 0; most < size; ++most) {
    const ProxyHeader cut = ReadProxyHeader(bytes.substr(0, most));
    if (cut.state == ProxyHeader::State::kMore) continue;
    Require(cut.state == whole.state && cut.size == whole.size, "pieces change what is read");
    break;
  }
  Require(whole.state != ProxyHeader::State::kMore || size < weft::detect::kMostProxyHeader, "no end");
  if (whole.state != ProxyHeader::State::kWhole) return 0;
  Require(whole.size > 0 && whole.size <= size, "a header that is longer than the bytes");
  if (!whole.source || !whole.destination) return 0;
  for (const int version : {1, 2}) {
    const std::string written = weft::detect::WriteProxyHeader(version, *whole.source, *whole.destination);
    const ProxyHeader again = ReadProxyHeader(written + "more");
    Require(again.state == ProxyHeader::State::kWhole && again.size == written.size(), "does not read again");
    Require(again.source == whole.source && again.destination == whole.destination, "other addresses");
  }
  return 0;
}
