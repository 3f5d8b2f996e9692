// First bytes of a connection: whole and cut into pieces a ClientHello must read the same, and never as a
// name that is none. Detection must come to an end, too.
#include "agent/detect/client_hello.h"
#include "agent/detect/detect.h"
#include "tests/fuzz/require.h"

using weft::detect::ClientHello;
using weft::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ClientHello whole, cut;
  const ClientHello::State state = whole.Read(bytes);
  ClientHello::State last = ClientHello::State::kMore;
  const std::size_t piece = size % 17 + 1;
  for (std::size_t at = 0; at < size; at += piece) {
    const ClientHello::State next = cut.Read(bytes.substr(0, at + piece));
    Require(last == ClientHello::State::kMore || next == last, "a decision that changes");
    last = next;
  }
  Require(size == 0 || last == state, "pieces change what is read");
  Require(whole.server_name() == cut.server_name(), "pieces change the name");
  Require(whole.Offers("weft/1") == cut.Offers("weft/1"), "pieces change the protocols");
  Require(state == ClientHello::State::kWhole || !whole.Offers("weft/1"), "a protocol without a hello");
  Require(state == ClientHello::State::kWhole || whole.server_name().empty(), "a name without a hello");
  for (const char c : whole.server_name())
    Require((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.',
            "no host name");
  const weft::detect::Looks looks = weft::detect::Detect(bytes);
  Require(size < 28 || looks != weft::detect::Looks::kMore, "detection without an end");
  return 0;
}
