#include "agent/codec/http1/lines.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "agent/codec/http1/blocks.h"

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
constexpr auto kHostSet = MakeSet("-._~%!$&'()*+;=", true);
constexpr auto kIpLiteralSet = MakeSet(":.%-_~", true);

bool AllIn(std::string_view text, const std::array<bool, 256>& set) {
  bool all = true;
  for (const char c : text) all &= set[static_cast<unsigned char>(c)];
  return all;
}

constexpr std::uint64_t Repeat(std::uint64_t byte) { return byte * 0x0101010101010101U; }

// High bits of the bytes that are below `least` or equal to `other`; the lowest set bit is exact, those above
// it may be false. Source: Bit Twiddling Hacks, "hasless" and "haszero".
std::uint64_t BytesBelowOr(std::uint64_t word, std::uint64_t least, std::uint64_t other) {
  const std::uint64_t below = (word - Repeat(least)) & ~word;
  const std::uint64_t equal = word ^ Repeat(other);
  return (below | ((equal - Repeat(0x01)) & ~equal)) & Repeat(0x80);
}

std::uint64_t Load(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

bool IsValueByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

bool IsLineEnd(const char* at) { return std::memcmp(at, "\r\n", 2) == 0; }

// The first byte from `at` on that may not stand in a name, else `end`.
const char* SkipToken(const char* at, const char* end) {
  if (blocks::kWide && end - at >= blocks::kBytes)
    at += std::countr_zero(~blocks::NameBytes(at) | 1U << blocks::kBytes);
  while (at != end && *at != ':' && kTokenSet[static_cast<unsigned char>(*at)]) ++at;
  return at;
}

// The first byte from `at` on that may not stand in a field value, else `end`. Bytes from `floor` on, which
// is not after `at`, are ours to read.
const char* SkipValue(const char* floor, const char* at, const char* end) {
  for (; blocks::kWide && end - at >= blocks::kBytes; at += blocks::kBytes) {
    if (const std::uint32_t found = blocks::ControlBytes(at); found != 0) return at + std::countr_zero(found);
  }
  if (blocks::kWide && end - floor >= blocks::kBytes) {
    const std::uint32_t rest = blocks::ControlBytes(end - blocks::kBytes) >> (blocks::kBytes - (end - at));
    return rest == 0 ? end : at + std::countr_zero(rest);
  }
  while (at != end && IsValueByte(*at)) ++at;
  return at;
}

bool IsVisible(char c) { return c > 0x20 && c < 0x7f && c != '#'; }

bool IsPort(std::string_view text) {
  std::uint64_t port = 0;
  return text.empty() || (text.size() <= 5 && ParseLength(text, port) && port <= 65535);
}

}  // namespace

// The part of a head that is within both limits, sixteen bytes at a time; kMore: the rest is for the caller.
static ScanResult ScanBlocks(std::string_view bytes, LineScan& scan) {
  const char* const end = bytes.data() + bytes.size();
  const char *at = bytes.data() + scan.at, *line = bytes.data() + scan.line;
  while (at != end) {
    const bool whole = end - at >= blocks::kBytes;
    const char* const next = whole ? at + blocks::kBytes : end;
    std::uint32_t feeds = blocks::LineFeeds(next - blocks::kBytes);
    if (!whole) feeds = feeds >> (blocks::kBytes - (end - at)) << (blocks::kBytes - (end - at));
    for (; feeds != 0; feeds &= feeds - 1) {
      const char* const feed = next - blocks::kBytes + std::countr_zero(feeds);
      if (feed == line || feed[-1] != '\r') return ScanResult::kBareLf;
      const bool empty = feed == line + 1;
      line = feed + 1;
      if (!empty) continue;
      scan.at = scan.line = static_cast<std::size_t>(line - bytes.data());
      return ScanResult::kFound;
    }
    at = next;
  }
  scan.at = bytes.size();
  scan.line = static_cast<std::size_t>(line - bytes.data());
  return ScanResult::kMore;
}

ScanResult FindHeadEnd(std::string_view bytes, std::size_t most, std::size_t most_first, LineScan& scan) {
  const std::string_view within = bytes.substr(0, std::min(most, most_first));
  if (blocks::kWide && within.size() >= blocks::kBytes && scan.at < within.size()) {
    if (const ScanResult result = ScanBlocks(within, scan); result != ScanResult::kMore) return result;
  }
  for (; scan.at < bytes.size(); ++scan.at) {
    if (scan.line == 0 && scan.at >= most_first) return ScanResult::kLineTooLong;
    if (scan.at > most) return ScanResult::kTooLong;
    if (bytes[scan.at] != '\n') continue;
    if (scan.at == scan.line || bytes[scan.at - 1] != '\r') return ScanResult::kBareLf;
    if (scan.at == most) return ScanResult::kTooLong;
    const bool empty = scan.at == scan.line + 1;
    scan.line = scan.at + 1;
    if (!empty) continue;
    ++scan.at;
    return ScanResult::kFound;
  }
  if (scan.line == 0 && scan.at >= most_first) return ScanResult::kLineTooLong;
  return scan.at > most ? ScanResult::kTooLong : ScanResult::kMore;
}

bool IsToken(std::string_view text) { return !text.empty() && AllIn(text, kTokenSet); }

bool IsFieldValue(std::string_view text) {
  const char* const end = text.data() + text.size();
  return SkipValue(text.data(), text.data(), end) == end;
}

bool IsTargetText(std::string_view text) {
  if (text.empty()) return false;
  while (text.size() >= 8) {
    const std::uint64_t word = Load(text.data());
    if ((BytesBelowOr(word, 0x21, 0x7f) | BytesBelowOr(word, 0x21, '#') | (word & Repeat(0x80))) != 0)
      return false;
    text.remove_prefix(8);
  }
  return std::all_of(text.begin(), text.end(), IsVisible);
}

bool IsAuthority(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close < 3 || !AllIn(text.substr(1, close - 1), kIpLiteralSet))
      return false;
    text.remove_prefix(close + 1);
    return text.empty() || (text.front() == ':' && IsPort(text.substr(1)));
  }
  std::size_t host = 0;
  while (host < text.size() && kHostSet[static_cast<unsigned char>(text[host])]) ++host;
  if (host == 0) return false;
  return host == text.size() || (text[host] == ':' && IsPort(text.substr(host + 1)));
}

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

Fields ReadFields(std::string_view bytes, std::size_t most, message::FieldList& fields) {
  const char* const floor = bytes.data();
  const char* const end = floor + bytes.size();
  const char* at = floor;
  most = std::min(most, message::kMaxFields);
  while (end - at >= 2 && !IsLineEnd(at)) {  // a CR is not a token character, so a lone one fails below
    const char* const name = at;
    at = SkipToken(at, end);
    if (end - at < 3) return {};
    if (*at != ':' || at == name) return {Fields::Kind::kMalformed};
    const std::string_view name_text(name, static_cast<std::size_t>(at - name));
    const char* value = at + (at[1] == ' ' ? 2 : 1);
    while (value != end && IsSpace(*value)) ++value;
    at = SkipValue(floor, value, end);
    if (end - at < 2) return {};
    if (!IsLineEnd(at)) return {Fields::Kind::kMalformed};
    const char* last = at;
    while (last != value && IsSpace(last[-1])) --last;
    const std::string_view value_text(value, static_cast<std::size_t>(last - value));
    const bool plain = value == name_text.end() + 2 && last == at && value[-1] == ' ';
    if (fields.size() >= most) return {Fields::Kind::kTooMany};
    fields.Add(name_text, value_text, message::InternFieldName(name_text), plain);
    at += 2;
  }
  if (end - at < 2) return {};
  return {Fields::Kind::kWhole, static_cast<std::size_t>(at + 2 - floor)};
}

Reason ParseFields(std::string_view lines, std::size_t most, message::FieldList& fields) {
  switch (ReadFields(lines, most, fields).kind) {
    case Fields::Kind::kWhole: return Reason::kOk;
    case Fields::Kind::kTooMany: return Reason::kHeadTooLarge;
    case Fields::Kind::kMore:
    case Fields::Kind::kMalformed: break;
  }
  return Reason::kBadRequest;
}

void Persistence::Read(std::string_view connection) {
  if (message::EqualsIgnoreCase(connection, "keep-alive")) {
    keep_ = true;
    return;
  }
  close_ |= message::HasToken(connection, "close");
  keep_ |= message::HasToken(connection, "keep-alive");
  upgrade_ |= message::HasToken(connection, "upgrade");
  names_fields_ |= !message::EqualsIgnoreCase(connection, "close");
}

void RemoveNamedByConnection(message::FieldList& fields) {
  using message::FieldId;
  const auto named = [&fields](const message::Field& field) {
    switch (field.id) {
      case FieldId::kHost:
      case FieldId::kConnection:
      case FieldId::kTransferEncoding:
      case FieldId::kContentLength:
      case FieldId::kTe:
      case FieldId::kUpgrade:
      case FieldId::kExpect: return false;
      default: break;
    }
    return std::any_of(fields.begin(), fields.end(), [&field](const message::Field& other) {
      return other.id == FieldId::kConnection && message::HasToken(other.value, field.name);
    });
  };
  std::size_t kept = 0;
  std::array<bool, message::kMaxFields> drop;
  for (std::size_t i = 0; i < fields.size(); ++i) drop[i] = named(fields[i]);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!drop[i]) fields.begin()[kept++] = fields[i];
  }
  fields.Truncate(kept);
}

}  // namespace weft::http1
