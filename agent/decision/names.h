#pragma once
// Names that records refer to by number: services, routes, rules, instances, policy sources. Interned when a
// worker first sees them, never on the request path. Bounded: what does not fit any more is kOther and
// counted. Thread rule: one worker.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace weft::decision {

using NameId = std::uint32_t;
inline constexpr NameId kNoName = 0;  // ""
inline constexpr NameId kOther = 1;   // "(other)"

class Names {
 public:
  explicit Names(std::size_t most = 65536) : most_(most) {}

  NameId Intern(std::string_view text) {
    if (text.empty()) return kNoName;
    if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
    if (texts_.size() >= most_) {
      ++overflow_;
      return kOther;
    }
    texts_.emplace_back(text);
    const auto id = static_cast<NameId>(texts_.size() + 1);
    ids_.emplace(texts_.back(), id);
    return id;
  }
  std::string_view Text(NameId id) const {
    if (id == kNoName) return "";
    return id - 2 < texts_.size() ? std::string_view(texts_[id - 2]) : "(other)";
  }
  std::uint64_t overflow() const { return overflow_; }

 private:
  std::size_t most_;
  std::uint64_t overflow_ = 0;
  std::deque<std::string> texts_;  // stable addresses
  std::unordered_map<std::string_view, NameId> ids_;
};

}  // namespace weft::decision
