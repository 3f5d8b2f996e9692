// Responses from foreign bytes; the first byte chooses the request's method and how the input is cut.
#include "tests/fuzz/http1_events.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  using weft::message::Method;
  const Method method = (data[0] & 0x80) != 0 ? Method::kHead : Method::kGet;
  const std::size_t piece = data[0] % 17 + 1U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  weft::fuzz::ResponseEvents whole, cut;
  whole.limits = cut.limits = weft::fuzz::LimitsOf((data[0] & 0x40) != 0);
  whole.Run(method, bytes, bytes.size() + 1);
  cut.Run(method, bytes, piece);
  weft::fuzz::Require(whole.notes.said == cut.notes.said, "pieces change what is read");
  if (!whole.written.empty()) {
    weft::fuzz::ResponseEvents again;
    again.Run(method, whole.written, whole.written.size());
    weft::fuzz::Require(again.complete && again.errors == 0, "what was written does not read as one message");
  }
  return 0;
}
