#pragma once
// PROXY protocol, versions 1 and 2 (HAProxy, doc/proxy-protocol.txt): who the client of a connection is, told
// by the proxy before it in the first bytes. A header is believed from whoever sends it, so a listener reads
// one only where that is configured, and then every connection must have one. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/address.h"

namespace weft::detect {

struct ProxyHeader {
  enum class State : std::uint8_t {
    kMore,     // a prefix of a header
    kWhole,    // `size` bytes are it
    kGarbage,  // no header
  };
  State state = State::kMore;
  std::size_t size = 0;  // of kWhole
  // Who spoke to whom. Absent: the proxy speaks for itself (UNKNOWN, LOCAL) or of a family other than TCP
  // over IP.
  std::optional<net::Address> source, destination;
};

inline constexpr std::size_t kMostProxyHeader = 16 + 4096;  // with extensions (TLVs), which are skipped

ProxyHeader ReadProxyHeader(std::string_view bytes);  // either version, told apart by the first byte

// Of version 1 or 2. Addresses of different families are written as IPv6.
std::string WriteProxyHeader(int version, const net::Address& source, const net::Address& destination);

}  // namespace weft::detect
