// Certificate requests as agents send them: whatever comes is refused, or is what it says and proves its key.
#include <cstdint>
#include <cstdlib>

#include "common/x509/request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto request = weft::x509::ReadRequest(bytes);
  if (request && (request->uri.empty() || request->public_key.get() == nullptr)) std::abort();
  return 0;
}
