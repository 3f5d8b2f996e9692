// An answer of a DNS server, as c-ares hands it over.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "controlplane/intake/dns/answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 65535) return 0;
  const auto answer = weft::intake::dns::ReadAnswer({data, size});
  if (answer && answer->addresses.size() + answer->services.size() > weft::intake::dns::kMostRecords)
    std::abort();
  return 0;
}
