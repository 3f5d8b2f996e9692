#pragma once
// Reads a tree by a schema: who reads says what each key is, and everything else is a problem with its place
// and path. Unknown keys are problems, with the known key that looks most like them. A key whose value is
// null counts as absent. The type that a scalar was read as is noted in the tree, so that it can be written
// back.
//
//   Value(root, problems).Map([&](MapReader& map) {
//     map.Required("name", name);
//     map.Optional("timeout", timeout, Between(1ms, 1h));
//     map.Optional("mode", mode, kModes);                                  // std::array<Choice<Mode>, 2>
//     map.List("ports", [&](const Value& item) { item.Map(…); });
//   });
//
// Thread rule: a reader and its tree belong to one thread.

#include <array>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>

#include "common/net/address.h"
#include "common/resource/node.h"
#include "common/resource/problems.h"
#include "common/time/time.h"

namespace weft::resource {

class MapReader;

inline constexpr std::size_t kMaxLine = 4096;

template <class T>
struct Bounds {
  T low, high;
};
template <class T>
Bounds<T> Between(T low, T high) {
  return {low, high};
}
template <class Enum>
struct Choice {
  std::string_view name;
  Enum value;
  bool reserved = false;  // a name for later: its use is an error that says so
};
// A count of bytes: "65536", "64KiB", "1MiB", "2GiB".
struct ByteSize {
  std::uint64_t bytes = 0;
};

// A node and the way to it. Cheap: the path is only put together for a message. Must not outlive its parent.
class Value {
 public:
  Value(Node& node, Problems& problems) : node_(&node), problems_(&problems) {}
  Value(Node& node, const Value& parent, std::string_view key)
      : node_(&node), problems_(parent.problems_), parent_(&parent), key_(key) {}
  Value(Node& node, const Value& parent, std::size_t index)
      : node_(&node), problems_(parent.problems_), parent_(&parent), index_(index) {}

  Node& node() const { return *node_; }
  Problems& problems() const { return *problems_; }
  std::string Path() const;                                                   // "spec.rules[0].name"
  bool Fail(std::string detail, ErrorKind kind = ErrorKind::kInvalid) const;  // returns false
  bool FailAt(std::string_view child, std::string detail) const;  // at the child of that key, if it is there

  bool Map(const std::function<void(MapReader&)>& read) const;     // false: no map
  bool Each(const std::function<void(const Value&)>& read) const;  // false: no list
  // Of a map: each key and value, whatever the keys.
  bool EachMember(const std::function<void(const std::string&, const Value&)>& read) const;

 private:
  Node* node_;
  Problems* problems_;
  const Value* parent_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
};

// Each reads a scalar; false: a problem was reported and `out` is as before.
bool Read(const Value& value, bool& out);
bool Read(const Value& value, std::string& out);         // one line, at most kMaxLine
bool ReadAnyText(const Value& value, std::string& out);  // also several lines
bool Read(const Value& value, std::int64_t& out, Bounds<std::int64_t> bounds);
bool Read(const Value& value, double& out, Bounds<double> bounds = {0, 1e12});
// "1h30m", "500ms" (GEP-2257), or "0".
bool Read(const Value& value, Duration& out, Bounds<Duration> bounds = {Duration::zero(), Duration::max()});
bool Read(const Value& value, ByteSize& out);
bool Read(const Value& value, net::Address& out);  // "127.0.0.1:80"
bool Read(const Value& value, net::Ip& out);
bool Read(const Value& value, std::vector<std::string>& out);
bool Read(const Value& value, std::map<std::string, std::string>& out);
bool ReadDnsLabel(const Value& value, std::string& out, std::string_view what);

template <class Integer>
requires std::is_unsigned_v<Integer> &&
    (!std::is_same_v<Integer, bool>)bool Read(const Value& value, Integer& out,
                                              Bounds<std::int64_t> bounds = {
                                                  0, std::numeric_limits<Integer>::max()}) {
  std::int64_t wide = 0;
  if (!Read(value, wide, bounds)) return false;
  out = static_cast<Integer>(wide);
  return true;
}

// Index into `names`, or -1 with a problem that lists them.
int ReadChoice(const Value& value, std::span<const std::string_view> names, std::span<const bool> reserved);

template <class Enum, std::size_t N>
bool Read(const Value& value, Enum& out, const std::array<Choice<Enum>, N>& choices) {
  std::array<std::string_view, N> names;
  std::array<bool, N> reserved;
  for (std::size_t i = 0; i < N; ++i) {
    names[i] = choices[i].name;
    reserved[i] = choices[i].reserved;
  }
  const int index = ReadChoice(value, names, reserved);
  if (index < 0) return false;
  out = choices[static_cast<std::size_t>(index)].value;
  return true;
}

template <class T, class... Rule>
bool Read(const Value& value, std::optional<T>& out, const Rule&... rule) {
  T read{};
  if (!Read(value, read, rule...)) return false;
  out = std::move(read);
  return true;
}

// One map while it is read. Value::Map makes it and reports unknown keys at the end.
class MapReader {
 public:
  explicit MapReader(const Value& value) : value_(value) {}
  MapReader(const MapReader&) = delete;
  MapReader& operator=(const MapReader&) = delete;

  const Value& value() const { return value_; }
  std::optional<Value> Find(std::string_view key);  // none: absent or null
  bool Has(std::string_view key) { return Find(key).has_value(); }

  // True: it is there and was read.
  template <class T, class... Rule>
  bool Optional(std::string_view key, T& out, const Rule&... rule) {
    const std::optional<Value> found = Find(key);
    return found && Read(*found, out, rule...);
  }
  template <class T, class... Rule>
  bool Required(std::string_view key, T& out, const Rule&... rule) {
    const std::optional<Value> found = Need(key);
    return found && Read(*found, out, rule...);
  }
  std::optional<Value> Need(std::string_view key);  // reports when absent
  bool Map(std::string_view key, const std::function<void(MapReader&)>& read);
  bool List(std::string_view key, const std::function<void(const Value&)>& read);
  bool List(std::string_view key, std::size_t max, const std::function<void(const Value&)>& read);
  // A name for later: its use is an error that says so. `instead`: what to do, a sentence or nothing.
  void Reserved(std::string_view key, std::string_view instead = {});
  void Ignore(std::string_view key) { known_.push_back(key); }
  void ReportUnknown();

 private:
  const Value& value_;
  std::vector<std::string_view> known_;
};

// The one of `names` that a typing error would have made `word`; empty: none is close.
std::string_view Closest(std::string_view word, std::span<const std::string_view> names);

Result<Duration> ParseDuration(std::string_view text);
Result<ByteSize> ParseByteSize(std::string_view text);
std::string ToString(Duration duration);  // "1m30s", "500ms", "0s"

}  // namespace weft::resource
