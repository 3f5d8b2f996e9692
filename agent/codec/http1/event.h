#pragma once
// What a decoder found, and how much it reads at most.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/reason/reason.h"

namespace weft::http1 {

struct Limits {
  std::size_t head_bytes = 64 * 1024;  // request line and fields, or a trailer section
  std::size_t target_bytes = 32 * 1024;
  std::size_t fields = 128;  // at most message::kMaxFields - 32, which leaves room for the mesh's own
};

struct Event {
  enum class Kind : std::uint8_t { kNeedMore, kHead, kData, kTrailers, kEnd, kError };
  Kind kind = Kind::kNeedMore;
  std::size_t consumed = 0;     // bytes of the input that are done with, also when more is needed
  std::string_view data;        // of kData
  Reason reason = Reason::kOk;  // of kError

  static Event NeedMore(std::size_t consumed = 0) { return {Kind::kNeedMore, consumed, {}, Reason::kOk}; }
  static Event End(std::size_t consumed) { return {Kind::kEnd, consumed, {}, Reason::kOk}; }
  static Event Error(Reason reason) { return {Kind::kError, 0, {}, reason}; }
};

}  // namespace weft::http1
