// The file of learned ports: whatever is in it, what was taken from it is written so that it reads the same.
#include <cstdlib>

#include "agent/detect/learned.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weft::detect::Learned learned, again;
  (void)learned.Load({reinterpret_cast<const char*>(data), size}).has_value();
  if (!again.Load(learned.Text()) || again.Text() != learned.Text()) std::abort();
  return 0;
}
