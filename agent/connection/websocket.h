#pragma once
// The two fields by which a WebSocket's HTTP/1.1 handshake proves that its server knows what it is asked for
// (RFC 6455 4.1, 4.2.2). HTTP/2 has neither (RFC 8441 5), so whoever translates makes and checks them.
// Thread rule: plain values.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/message/head.h"

namespace weft::connection {

inline constexpr std::string_view kWebSocket = "websocket", kWebSocketKey = "sec-websocket-key",
                                  kWebSocketAccept = "sec-websocket-accept";

// Base64 of 16 and of 20 bytes; the last of each array ends it.
using KeyText = std::array<char, 25>;
using AcceptText = std::array<char, 29>;
template <std::size_t N>
std::string_view TextOf(const std::array<char, N>& text) {
  return {text.data(), N - 1};
}

KeyText MakeWebSocketKey(std::uint64_t first, std::uint64_t second);
AcceptText AcceptOf(std::string_view key);
// Whether that is what a head with these fields asks for, and nothing else.
bool AsksForWebSocket(std::span<const message::Field> fields);

}  // namespace weft::connection
