#include "agent/connection/websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <cstring>
#include <string>

namespace weft::connection {
namespace {

// `out` has room for the text and a zero.
void PutBase64(const unsigned char* bytes, int size, char* out) {
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out), bytes, size);
}

}  // namespace

KeyText MakeWebSocketKey(std::uint64_t first, std::uint64_t second) {
  unsigned char bytes[16];
  std::memcpy(bytes, &first, 8);
  std::memcpy(bytes + 8, &second, 8);
  KeyText out{};
  PutBase64(bytes, sizeof bytes, out.data());
  return out;
}

AcceptText AcceptOf(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  AcceptText out{};
  PutBase64(digest, sizeof digest, out.data());
  return out;
}

bool AsksForWebSocket(std::span<const message::Field> fields) {
  bool asks = false;
  for (const message::Field& field : fields) {
    if (field.id != message::FieldId::kUpgrade) continue;
    if (asks || !message::EqualsIgnoreCase(field.value, kWebSocket)) return false;
    asks = true;
  }
  return asks;
}

}  // namespace weft::connection
