#pragma once
// Heads as nghttp2 takes them. Internal to this folder.

#include <nghttp2/nghttp2.h>

#include <array>
#include <string_view>

#include "common/message/head.h"

namespace weft::http2 {

// Views of names and values; nghttp2 copies them when it is given them.
class FieldArray {
 public:
  static constexpr std::size_t kMost = message::kMaxFields + 8;
  static constexpr unsigned kStaticName = NGHTTP2_NV_FLAG_NO_COPY_NAME;  // lower case, for ever
  static constexpr unsigned kNeverIndexed = NGHTTP2_NV_FLAG_NO_INDEX;
  void Add(std::string_view name, std::string_view value, unsigned flags = kStaticName);
  // All but what belongs to one connection; Content-Length as `body` says, or as it came with `keep_length`.
  void AddMessage(const message::FieldList& fields, message::Body body, bool keep_length);
  void Remove(std::string_view name);  // lower case
  // `name: value` CRLF lines.
  void AddLines(std::string_view lines);
  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return bytes_; }  // of names and values

 private:
  std::array<nghttp2_nv, kMost> fields_;  // deliberately not zeroed
  std::array<char, 20> number_;
  std::size_t size_ = 0, bytes_ = 0;
};

}  // namespace weft::http2
