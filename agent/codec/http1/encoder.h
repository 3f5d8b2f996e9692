#pragma once
// Heads and framing as bytes. Writes into a caller's buffer and never more than it holds. Hop-by-hop fields
// of the received head (RFC 9110 7.6.1: Connection, Keep-Alive, TE but `trailers`, Upgrade unless
// the head asks for another protocol or switches to it, …; what Connection names the decoder has removed) and
// its framing fields are left out and written anew from `body`, so nothing that was read one way can be read
// another way by the next parser. Pure.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "common/message/head.h"

namespace weft::http1 {

// Bytes written, or 0 when the buffer is too small.
std::size_t EncodeRequestHead(const message::RequestHead& head, message::Body body, std::span<char> out);

struct ResponseFraming {
  message::Body body;        // kUntilClose writes `connection: close`
  bool keep_alive = true;    // false: `connection: close`
  bool keep_length = false;  // an answer to HEAD or a 304: a received Content-Length stays
};
std::size_t EncodeResponseHead(const message::ResponseHead& head, ResponseFraming framing,
                               std::span<char> out);

// "1f4\r\n" for a chunk of that many bytes; the chunk is followed by kChunkEnd.
struct ChunkHead {
  std::array<char, 20> bytes;
  std::size_t size;
  std::string_view view() const { return {bytes.data(), size}; }
};
ChunkHead EncodeChunkHead(std::size_t bytes);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
// The last chunk with trailers; 0 when the buffer is too small.
std::size_t EncodeTrailers(const message::FieldList& trailers, std::span<char> out);

std::string_view ReasonPhrase(int status);

}  // namespace weft::http1
