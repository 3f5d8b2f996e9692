#include "agent/detect/detect.h"

#include <algorithm>

namespace weft::detect {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kLongestMethod = 20;  // longer tokens before a space are not methods anybody uses

bool IsMethodCharacter(char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }

Looks DetectHttp1(std::string_view bytes) {
  const auto end = std::find_if_not(bytes.begin(), bytes.end(), IsMethodCharacter);
  const auto length = static_cast<std::size_t>(end - bytes.begin());
  if (length == 0 || length > kLongestMethod) return Looks::kOther;
  if (end == bytes.end()) return Looks::kMore;
  return *end == ' ' ? Looks::kHttp1 : Looks::kOther;
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
