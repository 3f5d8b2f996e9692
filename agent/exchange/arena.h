#pragma once
// Memory of one exchange: given out in order, taken back all at once. The first kilobytes are part of the
// exchange, so an ordinary request allocates nothing; a large head gets a block of its own. Thread rule: one
// worker.

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace weft::exchange {

class Arena {
 public:
  static constexpr std::size_t kInline = 4096;

  std::span<char> Take(std::size_t bytes) {
    const std::size_t begin = (used_ + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
    if (begin + bytes <= kInline) {
      used_ = begin + bytes;
      return {inline_.data() + begin, bytes};
    }
    large_.push_back(std::make_unique<char[]>(bytes));
    return {large_.back().get(), bytes};
  }
  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    const std::span<char> memory = Take(text.size());
    std::memcpy(memory.data(), text.data(), text.size());
    return {memory.data(), memory.size()};
  }
  void Clear() {
    used_ = 0;
    large_.clear();
  }

 private:
  std::size_t used_ = 0;
  alignas(std::max_align_t) std::array<char, kInline> inline_;  // deliberately not zeroed
  std::vector<std::unique_ptr<char[]>> large_;
};

}  // namespace weft::exchange
