#include "common/resource/utf8.h"

namespace weft::resource {
namespace {

struct Lead {
  std::size_t length;      // zero: no lead byte
  std::uint8_t low, high;  // bounds of the second byte
};

Lead Classify(std::uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

bool IsValidAt(std::string_view text, std::size_t at, const Lead& lead) {
  if (lead.length == 0 || at + lead.length > text.size()) return false;
  for (std::size_t i = 1; i < lead.length; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[at + i]);
    const std::uint8_t low = i == 1 ? lead.low : 0x80;
    const std::uint8_t high = i == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high) return false;
  }
  return true;
}

}  // namespace

std::size_t FindInvalidUtf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Lead lead = Classify(static_cast<std::uint8_t>(text[at]));
    if (!IsValidAt(text, at, lead)) return at;
    at += lead.length;
  }
  return std::string_view::npos;
}

void AppendUtf8(std::uint32_t c, std::string& out) {
  const auto add = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto tail = [&](std::uint32_t shift) { add(0x80U | ((c >> shift) & 0x3FU)); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0U | (c >> 6U));
    tail(0);
  } else if (c < 0x10000) {
    add(0xE0U | (c >> 12U));
    tail(6);
    tail(0);
  } else {
    add(0xF0U | (c >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace weft::resource
