#include "common/resource/reader.h"

#include <algorithm>

#include "common/net/key.h"
#include "common/resource/text.h"

namespace weft::resource {

std::string Value::Path() const {
  if (parent_ == nullptr) return {};
  std::string path = parent_->Path();
  if (key_.empty()) return path + '[' + std::to_string(index_) + ']';
  if (!path.empty()) path += '.';
  return path.append(key_);
}

bool Value::Fail(std::string detail, ErrorKind kind) const {
  problems_->Add(node_->mark, Path(), std::move(detail), kind);
  return false;
}

bool Value::FailAt(std::string_view child, std::string detail) const {
  Node* node = node_->Find(child);
  return node == nullptr ? Fail(std::move(detail)) : Value(*node, *this, child).Fail(std::move(detail));
}

bool Value::Map(const std::function<void(MapReader&)>& read) const {
  if (!node_->is_map()) return Fail("must be a map of keys and values");
  MapReader reader(*this);
  read(reader);
  reader.ReportUnknown();
  return true;
}

bool Value::Each(const std::function<void(const Value&)>& read) const {
  if (!node_->is_list()) return Fail("must be a list");
  for (std::size_t i = 0; i < node_->items.size(); ++i) read(Value(node_->items[i], *this, i));
  return true;
}

bool Value::EachMember(const std::function<void(const std::string&, const Value&)>& read) const {
  if (!node_->is_map()) return Fail("must be a map of keys and values");
  for (Member& member : node_->members) read(member.key, Value(member.value, *this, member.key));
  return true;
}

std::optional<Value> MapReader::Find(std::string_view key) {
  known_.push_back(key);
  Node* node = value_.node().Find(key);
  if (node == nullptr || node->is_null()) return std::nullopt;
  return Value(*node, value_, key);
}

std::optional<Value> MapReader::Need(std::string_view key) {
  std::optional<Value> found = Find(key);
  if (!found) value_.Fail("\"" + std::string(key) + "\" is required here");
  return found;
}

bool MapReader::Map(std::string_view key, const std::function<void(MapReader&)>& read) {
  const std::optional<Value> found = Find(key);
  return found && found->Map(read);
}

bool MapReader::List(std::string_view key, const std::function<void(const Value&)>& read) {
  const std::optional<Value> found = Find(key);
  return found && found->Each(read);
}

bool MapReader::List(std::string_view key, std::size_t max, const std::function<void(const Value&)>& read) {
  const std::optional<Value> found = Find(key);
  if (!found) return false;
  if (found->node().items.size() > max) return found->Fail("at most " + std::to_string(max) + " entries");
  return found->Each(read);
}

void MapReader::Reserved(std::string_view key, std::string_view instead) {
  const std::optional<Value> found = Find(key);
  if (!found) return;
  std::string detail = "\"" + std::string(key) + "\" is reserved and not built in yet: remove it";
  if (!instead.empty()) detail.append("; ").append(instead);
  found->Fail(std::move(detail), ErrorKind::kUnsupported);
}

void MapReader::ReportUnknown() {
  for (const Member& member : value_.node().members) {
    if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
    std::string detail = "unknown key \"" + member.key + "\"";
    const std::string_view close = Closest(member.key, known_);
    if (!close.empty()) detail.append("; did you mean \"").append(close).append("\"?");
    value_.problems().Add(member.mark, value_.Path(), std::move(detail));
  }
}

namespace {

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + ((a[i - 1] | 0x20) == (b[j - 1] | 0x20) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view Closest(std::string_view word, std::span<const std::string_view> names) {
  std::string_view best;
  std::size_t best_distance = std::min<std::size_t>(3, word.size() / 3 + 1);  // exclusive of the next
  if (word.size() > 64) return best;
  for (const std::string_view name : names) {
    const std::size_t distance = EditDistance(word, name);
    const bool begins = word.size() >= 4 && name.starts_with(word);  // "interv" for "interval"
    if (distance < best_distance || (best.empty() && begins)) {
      best = name;
      best_distance = std::min(distance, best_distance);
    }
  }
  return best;
}

}  // namespace weft::resource
