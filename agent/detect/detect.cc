#include "agent/detect/detect.h"

#include <algorithm>

namespace weft::detect {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kLongestMethod = 20;  // longer tokens before a space are not methods anybody uses

bool IsMethodCharacter(char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }

// "SET key" is Redis, "GET /" is HTTP: what follows must begin as a target does (RFC 9112 3.2).
Looks DetectTarget(std::string_view method, std::string_view target) {
  constexpr std::string_view kAbsolute = "http";
  if (method == "CONNECT") return Looks::kHttp1;
  if (target.empty()) return Looks::kMore;
  if (target[0] == '/' || target[0] == '*') return Looks::kHttp1;
  const std::size_t common = std::min(target.size(), kAbsolute.size());
  for (std::size_t i = 0; i < common; ++i) {
    if ((target[i] | 0x20) != kAbsolute[i]) return Looks::kOther;
  }
  return common == kAbsolute.size() ? Looks::kHttp1 : Looks::kMore;
}

Looks DetectHttp1(std::string_view bytes) {
  const auto end = std::find_if_not(bytes.begin(), bytes.end(), IsMethodCharacter);
  const auto length = static_cast<std::size_t>(end - bytes.begin());
  if (length == 0 || length > kLongestMethod) return Looks::kOther;
  if (end == bytes.end()) return Looks::kMore;
  return *end == ' ' ? DetectTarget(bytes.substr(0, length), bytes.substr(length + 1)) : Looks::kOther;
}

Looks DetectTls(std::string_view bytes) {  // record type 22, version 3.x, handshake type 1
  if (bytes.size() >= 2 && bytes[1] != '\x03') return Looks::kOther;
  if (bytes.size() < 6) return Looks::kMore;
  return bytes[5] == '\x01' ? Looks::kTls : Looks::kOther;
}

}  // namespace

Looks Detect(std::string_view bytes) {
  if (bytes.empty()) return Looks::kMore;
  if (bytes.front() == '\x16') return DetectTls(bytes);
  const std::size_t common = std::min(bytes.size(), kPreface.size());
  if (bytes.substr(0, common) == kPreface.substr(0, common)) {
    if (common == kPreface.size()) return Looks::kHttp2;
    return Looks::kMore;
  }
  if (bytes.starts_with("\r\n")) return bytes.size() == 2 ? Looks::kMore : DetectHttp1(bytes.substr(2));
  if (bytes == "\r") return Looks::kMore;
  return DetectHttp1(bytes);
}

}  // namespace weft::detect
