// Requests from foreign bytes: whole and cut into pieces must give the same events, and what is written again
// must read to the same message.
#include "tests/fuzz/http1_events.h"

using weft::http1::RequestDecoder;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = data[0] % 17 + 1U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  weft::fuzz::RequestEvents whole, cut;
  whole.limits = cut.limits = weft::fuzz::LimitsOf((data[0] & 0x40) != 0);
  whole.Run(bytes, bytes.size() + 1);
  cut.Run(bytes, piece);
  weft::fuzz::Require(whole.notes.said == cut.notes.said, "pieces change what is read");
  for (const std::string& message : whole.written) {
    weft::fuzz::RequestEvents again;
    again.Run(message, message.size());
    weft::fuzz::Require(again.written.size() == 1 && again.errors == 0,
                        "what was written does not read as one message");
  }
  return 0;
}
