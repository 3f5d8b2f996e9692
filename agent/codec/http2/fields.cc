#include "agent/codec/http2/fields.h"

#include <algorithm>
#include <charconv>

#include "common/message/hop_by_hop.h"

namespace weft::http2 {
namespace {

using message::Field;
using message::FieldBit;
using message::FieldId;

// Values that hardly ever come again: an entry in the dynamic table would only drive others out.
constexpr std::uint64_t kHighEntropy = FieldBit(FieldId::kXRequestId) | FieldBit(FieldId::kTraceparent) |
                                       FieldBit(FieldId::kWeftDeadlineMs) | FieldBit(FieldId::kWeftLoad) |
                                       FieldBit(FieldId::kGrpcTimeout) | FieldBit(FieldId::kIdempotencyKey);

std::uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

void FieldArray::Add(std::string_view name, std::string_view value, unsigned flags) {
  if (size_ == kMost) return;  // FieldList holds fewer
  bytes_ += name.size() + value.size();
  fields_[size_++] = {Bytes(name), Bytes(value), name.size(), value.size(), static_cast<std::uint8_t>(flags)};
}

void FieldArray::AddMessage(const message::FieldList& fields, message::Body body, bool keep_length) {
  bool had_length = false;
  for (const Field& field : fields) {
    const std::uint64_t bit = FieldBit(field.id);
    had_length |= field.id == FieldId::kContentLength;
    const bool kept = field.id == FieldId::kContentLength && keep_length;
    if ((bit & message::kHopByHop) != 0 && !kept) continue;
    if (field.id == FieldId::kTe && !message::TePasses(field)) continue;
    const unsigned indexed = (bit & kHighEntropy) == 0 ? 0 : kNeverIndexed;
    const std::string_view known = message::FieldName(field.id);
    if (known.empty())
      Add(field.name, field.value, indexed);
    else
      Add(known, field.value, indexed | kStaticName);
  }
  const bool says = body.kind == message::Body::Kind::kLength && (body.length > 0 || had_length);
  if (!says || keep_length) return;
  char* const end = std::to_chars(number_.data(), number_.data() + number_.size(), body.length).ptr;
  Add("content-length", {number_.data(), static_cast<std::size_t>(end - number_.data())}, kStaticName);
}

void FieldArray::Remove(std::string_view name) {
  const auto named = [&](const nghttp2_nv& field) {
    return message::EqualsIgnoreCase({reinterpret_cast<const char*>(field.name), field.namelen}, name);
  };
  const auto end = fields_.begin() + static_cast<std::ptrdiff_t>(size_);
  size_ = static_cast<std::size_t>(std::remove_if(fields_.begin(), end, named) - fields_.begin());
}

void FieldArray::AddLines(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t colon = lines.find(": "), end = lines.find("\r\n");
    Add(lines.substr(0, colon), lines.substr(colon + 2, end - colon - 2), 0);
    lines.remove_prefix(end + 2);
  }
}

}  // namespace weft::http2
