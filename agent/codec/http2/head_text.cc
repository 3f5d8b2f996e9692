#include "agent/codec/http2/head_text.h"

#include <array>

namespace weft::http2 {
namespace {

using message::FieldId;

constexpr std::size_t kEntry = 32;       // what SETTINGS_MAX_HEADER_LIST_SIZE adds for each field
constexpr std::size_t kOrdinary = 2048;  // bytes of a head's text that are kept for the next
constexpr std::array<std::string_view, static_cast<std::size_t>(HeadText::Pseudo::kCount)> kPseudo = {
    ":method", ":scheme", ":authority", ":path", ":status", ":protocol"};

}  // namespace

void HeadText::Begin(std::size_t most_bytes, std::size_t most_fields) {
  most_bytes_ = most_bytes;
  most_fields_ = most_fields;
  text_.clear();
  pieces_.clear();
  for (Piece& piece : pseudo_) piece = {};
  decoded_ = cookies_ = 0;
  too_large_ = false;
}

void HeadText::Add(std::string_view name, std::string_view value) {
  decoded_ += name.size() + value.size() + kEntry;
  if (too_large_) return;
  if (decoded_ > most_bytes_ || pieces_.size() >= most_fields_) {
    too_large_ = true;
    return;
  }
  if (name.front() == ':') {
    for (std::size_t i = 0; i < kPseudo.size(); ++i) {
      if (name != kPseudo[i]) continue;
      pseudo_[i] = Put({}, value);
      pseudo_[i].present = true;
    }
    return;
  }
  Piece piece = Put(name, value);
  piece.id = message::InternFieldName(name);
  cookies_ += piece.id == FieldId::kCookie;
  pieces_.push_back(piece);
}

HeadText::Piece HeadText::Put(std::string_view name, std::string_view value) {
  Piece piece;
  piece.at = static_cast<std::uint32_t>(text_.size());
  piece.name = static_cast<std::uint32_t>(name.size());
  piece.value = static_cast<std::uint32_t>(value.size());
  if (!name.empty()) text_.append(name).append(": ");
  text_.append(value).append("\r\n");
  return piece;
}

void HeadText::Forget() {
  if (text_.capacity() > kOrdinary) std::string().swap(text_);
}

// RFC 9113 8.2.3: whoever passes them on in HTTP/1.1 must make one field of them.
HeadText::Piece HeadText::JoinCookies() {
  std::string all;
  for (const Piece& piece : pieces_) {
    if (piece.id != FieldId::kCookie) continue;
    if (!all.empty()) all.append("; ");
    all.append(View(piece));
  }
  Piece joined = Put("cookie", all);
  joined.id = FieldId::kCookie;
  return joined;
}

bool HeadText::Fields(message::FieldList& fields, std::string_view& host) {
  if (cookies_ > 1) {
    const Piece joined = JoinCookies();
    std::erase_if(pieces_, [](const Piece& piece) { return piece.id == FieldId::kCookie; });
    pieces_.push_back(joined);
  }
  fields.Clear();
  host = pseudo(Pseudo::kAuthority);
  bool named = false;
  for (const Piece& piece : pieces_) {
    const std::string_view value = View(piece);
    if (piece.id == FieldId::kHost) {
      if (named || (has(Pseudo::kAuthority) && !message::EqualsIgnoreCase(host, value))) return false;
      named = true;
      host = value;
      continue;
    }
    fields.Add(std::string_view(text_).substr(piece.at, piece.name), value, piece.id, true);
  }
  return true;
}

}  // namespace weft::http2
