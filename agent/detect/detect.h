#pragma once
// What a connection speaks, from its first bytes. Pure. Thread rule: none needed.

#include <cstdint>
#include <string_view>

namespace weft::detect {

enum class Looks : std::uint8_t {
  kMore,   // a prefix of something we know: wait for more
  kHttp1,  // a method, a space and how a target begins
  kHttp2,  // the connection preface
  kTls,    // a TLS record with a ClientHello
  kOther,  // opaque
};

// At most 28 bytes are ever needed.
Looks Detect(std::string_view bytes);

}  // namespace weft::detect
