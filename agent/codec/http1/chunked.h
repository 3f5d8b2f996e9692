#pragma once
// The chunked transfer coding of RFC 9112 section 7.1. Extensions are dropped, and bounded in sum; trailers
// are validated, and those that frame or route a message are refused.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/codec/http1/event.h"
#include "agent/codec/http1/lines.h"
#include "common/message/head.h"

namespace weft::http1 {

class ChunkedDecoder {
 public:
  void Reset();
  // kData, kTrailers (only when there are any; kEnd follows), kEnd, kNeedMore or kError with kBadRequest or
  // kHeadTooLarge.
  Event Next(std::string_view bytes, const Limits& limits, message::FieldList& trailers);

 private:
  enum class State : std::uint8_t { kSize, kData, kDataEnd, kTrailers, kEnd };
  Event Size(std::string_view bytes);
  Event Trailers(std::string_view bytes, const Limits& limits, message::FieldList& trailers);
  bool ParseSizeLine(std::string_view line);

  State state_ = State::kSize;
  std::uint64_t left_ = 0;
  std::size_t extension_bytes_ = 0;
  LineScan scan_;
};

}  // namespace weft::http1
