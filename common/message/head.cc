#include "common/message/head.h"

#include <algorithm>

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
    "",
};

constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// Names bucketed by length, so that interning compares with two or three candidates at most.
constexpr std::size_t kLongestName = 20;
struct Bucket {
  std::array<FieldId, 6> ids{};
  std::size_t count = 0;
};

constexpr std::array<Bucket, kLongestName + 1> BucketsByLength() {
  std::array<Bucket, kLongestName + 1> buckets{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    if (kNames[i].empty()) continue;
    Bucket& bucket = buckets[kNames[i].size()];
    bucket.ids[bucket.count++] = static_cast<FieldId>(i);
  }
  return buckets;
}

constexpr auto kBuckets = BucketsByLength();
constexpr std::string_view kWeftPrefix = "x-weft-";

bool EqualsLower(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return Lower(a) == b; });
}

}  // namespace

Method ParseMethod(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kMethods = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                               "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  const auto found = std::find(kMethods.begin(), kMethods.end(), text);
  return found == kMethods.end() ? Method::kOther : static_cast<Method>(found - kMethods.begin());
}

bool IsSafe(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions || method == Method::kTrace;
}

bool IsIdempotent(Method method) {
  return IsSafe(method) || method == Method::kPut || method == Method::kDelete;
}

FieldId InternFieldName(std::string_view name) {
  if (name.size() <= kLongestName) {
    const Bucket& bucket = kBuckets[name.size()];
    for (std::size_t i = 0; i < bucket.count; ++i) {
      if (EqualsLower(name, kNames[static_cast<std::size_t>(bucket.ids[i])])) return bucket.ids[i];
    }
  }
  const bool ours = name.size() > kWeftPrefix.size() && EqualsLower(name.substr(0, kWeftPrefix.size()), kWeftPrefix);
  return ours ? FieldId::kWeftOther : FieldId::kOther;
}

std::string_view FieldName(FieldId id) { return kNames[static_cast<std::size_t>(id)]; }

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) == Lower(y); });
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

bool FieldList::Add(std::string_view name, std::string_view value, FieldId id) {
  if (full()) return false;
  fields_[size_++] = Field{name, value, id};
  return true;
}

const Field* FieldList::Find(FieldId id) const {
  const Field* found = std::find_if(begin(), end(), [&](const Field& f) { return f.id == id; });
  return found == end() ? nullptr : found;
}

const Field* FieldList::Find(std::string_view name) const {
  const Field* found = std::find_if(begin(), end(), [&](const Field& f) { return EqualsIgnoreCase(f.name, name); });
  return found == end() ? nullptr : found;
}

std::size_t FieldList::Remove(FieldId id) {
  Field* kept = std::remove_if(begin(), end(), [&](const Field& f) { return f.id == id; });
  const auto removed = static_cast<std::size_t>(end() - kept);
  size_ -= static_cast<std::uint32_t>(removed);
  return removed;
}

std::size_t FieldList::Remove(std::string_view name) {
  Field* kept = std::remove_if(begin(), end(), [&](const Field& f) { return EqualsIgnoreCase(f.name, name); });
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
