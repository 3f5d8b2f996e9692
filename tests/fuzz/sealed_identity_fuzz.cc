// An identity from disk: the bytes may be anything. None of it opens with a secret that did not seal it.
#include <cstdint>
#include <cstdlib>

#include "agent/identity/seal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (weft::identity::Unseal(bytes, "a secret that nothing of this was sealed with")) std::abort();
  return 0;
}
