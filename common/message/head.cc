#include "common/message/head.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace weft::message {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(FieldId::kCount)> kNames = {
    "",
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "expect",
    "date",
    "server",
    "via",
    "location",
    "retry-after",
    "content-type",
    "cookie",
    "grpc-status",
    "grpc-timeout",
    "traceparent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
    "idempotency-key",
    "x-weft-deadline-ms",
    "x-weft-attempt",
    "x-weft-explain",
    "x-weft-reason",
    "x-weft-load",
    "x-weft-drain",
    "x-weft-http",
    "",
};

constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// A name as words, so that comparing one costs three comparisons. `fold` has bit 0x20 where the name has a
// letter.
constexpr std::size_t kLongestName = 20;

constexpr std::uint64_t Word(const char* text, std::size_t size) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < size; ++i)
    word |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
  return word;
}

struct Words {
  std::uint64_t first = 0, middle = 0, last = 0;
};

// The last word overlaps the one before it; of 1 to 20 bytes.
template <class Load>
constexpr Words Split(const char* text, std::size_t size, Load load) {
  if (size >= 8) return {load(text, 8), size > 16 ? load(text + 8, 8) : 0, load(text + size - 8, 8)};
  if (size >= 4) return {load(text, 4), 0, load(text + size - 4, 4)};
  return {Word(text, 1), Word(text + size / 2, 1), Word(text + size - 1, 1)};
}

struct Known {
  Words lower, fold;
  std::size_t size = 0;
  FieldId id = FieldId::kOther;
};

constexpr std::size_t kSlots = 128;

constexpr std::size_t SlotOf(std::string_view name) {  // without case, for letters
  const auto first = static_cast<unsigned char>(name.front() | 0x20),
             last = static_cast<unsigned char>(name.back() | 0x20);
  return (name.size() + first * 7U + last * 13U) % kSlots;
}

constexpr Known MakeKnown(FieldId id) {
  const std::string_view name = kNames[static_cast<std::size_t>(id)];
  std::array<char, kLongestName> fold{};
  for (std::size_t i = 0; i < name.size(); ++i) fold[i] = name[i] >= 'a' && name[i] <= 'z' ? 0x20 : 0;
  return {Split(name.data(), name.size(), Word), Split(fold.data(), name.size(), Word), name.size(), id};
}

constexpr bool SlotsAreUnique() {
  std::array<bool, kSlots> used{};
  for (const std::string_view name : kNames) {
    if (name.empty()) continue;
    if (used[SlotOf(name)] || name.size() > kLongestName) return false;
    used[SlotOf(name)] = true;
  }
  return true;
}
static_assert(SlotsAreUnique(), "a new field name shares a slot: change the factors of SlotOf");

constexpr std::array<FieldId, kSlots> MakeSlots() {
  std::array<FieldId, kSlots> slots{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    if (!kNames[i].empty()) slots[SlotOf(kNames[i])] = static_cast<FieldId>(i);
  }
  return slots;
}
constexpr std::array<FieldId, kSlots> kSlotIds = MakeSlots();

constexpr std::array<Known, kNames.size()> MakeKnownNames() {
  std::array<Known, kNames.size()> known{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    if (!kNames[i].empty()) known[i] = MakeKnown(static_cast<FieldId>(i));
  }
  return known;
}
constexpr std::array<Known, kNames.size()> kKnown = MakeKnownNames();

std::uint64_t LoadWord(const char* text, std::size_t size) {
  std::uint64_t word = 0;
  if constexpr (std::endian::native != std::endian::little) return Word(text, size);
  if (size == 8) {
    std::memcpy(&word, text, 8);
  } else {
    std::memcpy(&word, text, 4);
  }
  return word;
}

bool Matches(const Known& known, std::string_view name) {
  if (known.size != name.size()) return false;
  const Words words = Split(name.data(), name.size(), LoadWord);
  return (((words.first | known.fold.first) ^ known.lower.first) |
          ((words.middle | known.fold.middle) ^ known.lower.middle) |
          ((words.last | known.fold.last) ^ known.lower.last)) == 0;
}

constexpr std::string_view kWeftPrefix = "x-weft-";

bool EqualsLower(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return Lower(a) == b; });
}

}  // namespace

Method ParseMethod(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kMethods = {
      "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  const auto found = std::find(kMethods.begin(), kMethods.end(), text);
  return found == kMethods.end() ? Method::kOther : static_cast<Method>(found - kMethods.begin());
}

bool IsSafe(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions ||
         method == Method::kTrace;
}

bool IsIdempotent(Method method) {
  return IsSafe(method) || method == Method::kPut || method == Method::kDelete;
}

FieldId InternFieldName(std::string_view name) {
  if (name.empty()) return FieldId::kOther;
  const Known& known = kKnown[static_cast<std::size_t>(kSlotIds[SlotOf(name)])];
  if (Matches(known, name)) return known.id;
  const bool ours = name.size() > kWeftPrefix.size() && name[1] == '-' &&
                    EqualsLower(name.substr(0, kWeftPrefix.size()), kWeftPrefix);
  return ours ? FieldId::kWeftOther : FieldId::kOther;
}

std::string_view FieldName(FieldId id) { return kNames[static_cast<std::size_t>(id)]; }

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

bool HasToken(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (EqualsIgnoreCase(item, token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

const Field* FieldList::Search(FieldId id) const {
  const Field* found = std::find_if(begin(), end(), [&](const Field& f) { return f.id == id; });
  return found == end() ? nullptr : found;
}

const Field* FieldList::Find(std::string_view name) const {
  const Field* found =
      std::find_if(begin(), end(), [&](const Field& f) { return EqualsIgnoreCase(f.name, name); });
  return found == end() ? nullptr : found;
}

std::size_t FieldList::Remove(FieldId id) {
  if (!MayHave(id)) return 0;
  Field* kept = std::remove_if(begin(), end(), [&](const Field& f) { return f.id == id; });
  const auto removed = static_cast<std::size_t>(end() - kept);
  size_ -= static_cast<std::uint32_t>(removed);
  return removed;
}

std::size_t FieldList::Remove(std::string_view name) {
  Field* kept =
      std::remove_if(begin(), end(), [&](const Field& f) { return EqualsIgnoreCase(f.name, name); });
  const auto removed = static_cast<std::size_t>(end() - kept);
  size_ -= static_cast<std::uint32_t>(removed);
  return removed;
}

void FieldList::Set(std::string_view name, std::string_view value) {
  Remove(name);
  Add(name, value, InternFieldName(name));
}

std::string_view RequestHead::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

}  // namespace weft::message
