#include "agent/codec/http1/lines.h"

#include <array>
#include <cstring>

namespace weft::http1 {
namespace {

constexpr std::array<bool, 256> MakeSet(std::string_view characters, bool alphanumeric) {
  std::array<bool, 256> set{};
  for (const char c : characters) set[static_cast<unsigned char>(c)] = true;
  if (alphanumeric) {
    for (int c = '0'; c <= '9'; ++c) set[static_cast<std::size_t>(c)] = true;
    for (int c = 'a'; c <= 'z'; ++c)
      set[static_cast<std::size_t>(c)] = set[static_cast<std::size_t>(c - 32)] = true;
  }
  return set;
}

constexpr auto kTokenSet = MakeSet("!#$%&'*+-.^_`|~", true);
constexpr auto kAuthoritySet = MakeSet("-._~%!$&'()*+;=:[]", true);

bool AllIn(std::string_view text, const std::array<bool, 256>& set) {
  bool all = true;
  for (const char c : text) all &= set[static_cast<unsigned char>(c)];
  return all;
}

constexpr std::uint64_t Repeat(std::uint64_t byte) { return byte * 0x0101010101010101U; }

// Whether some byte of the word is below 0x20 or 0x7f. Source: Bit Twiddling Hacks, "hasless" and "haszero".
bool HasControl(std::uint64_t word) {
  const std::uint64_t below = (word - Repeat(0x20)) & ~word;
  const std::uint64_t del = word ^ Repeat(0x7f);
  return ((below | ((del - Repeat(0x01)) & ~del)) & Repeat(0x80)) != 0;
}

bool IsValueByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

ScanResult FindHeadEnd(std::string_view bytes, std::size_t most, LineScan& scan) {
  while (scan.at < bytes.size()) {
    const void* found = std::memchr(bytes.data() + scan.at, '\n', bytes.size() - scan.at);
    if (found == nullptr) {
      scan.at = bytes.size();
      break;
    }
    const auto newline = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    if (newline == scan.line || bytes[newline - 1] != '\r') return ScanResult::kBareLf;
    const bool empty = newline == scan.line + 1;
    scan.at = newline + 1;
    scan.line = newline + 1;
    if (scan.at > most) return ScanResult::kTooLong;
    if (empty) return ScanResult::kFound;
  }
  return scan.at > most ? ScanResult::kTooLong : ScanResult::kMore;
}

bool IsToken(std::string_view text) { return !text.empty() && AllIn(text, kTokenSet); }

bool IsFieldValue(std::string_view text) {
  while (text.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), 8);
    if (HasControl(word)) {
      for (std::size_t i = 0; i < 8; ++i) {
        if (!IsValueByte(text[i])) return false;
      }
    }
    text.remove_prefix(8);
  }
  for (const char c : text) {
    if (!IsValueByte(c)) return false;
  }
  return true;
}

bool IsTargetText(std::string_view text) {
  bool good = !text.empty();
  for (const char c : text) good &= c > 0x20 && c < 0x7f && c != '#';
  return good;
}

bool IsAuthority(std::string_view text) { return AllIn(text, kAuthoritySet); }

bool ParseLength(std::string_view text, std::uint64_t& value) {
  if (text.empty() || text.size() > 18) return false;
  value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return true;
}

std::string_view TakeLine(std::string_view& head) {
  const std::size_t end = head.find('\n');  // there is one, after a CR: FindHeadEnd has seen it
  const std::string_view line = head.substr(0, end - 1);
  head.remove_prefix(end + 1);
  return line;
}

Reason ParseFields(std::string_view lines, std::size_t most, message::FieldList& fields) {
  while (true) {
    const std::string_view line = TakeLine(lines);
    if (line.empty()) return Reason::kOk;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Reason::kBadRequest;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = Trim(line.substr(colon + 1));
    if (!IsToken(name) || !IsFieldValue(value)) return Reason::kBadRequest;
    if (fields.size() >= most || !fields.Add(name, value, message::InternFieldName(name)))
      return Reason::kHeadTooLarge;
  }
}

}  // namespace weft::http1
