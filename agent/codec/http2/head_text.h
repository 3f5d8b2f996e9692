#pragma once
// A field section as it is decoded, kept as one text of `name: value` CRLF lines, the form that HTTP/1.1
// writes, so that an encoder may copy lines. Views are made once it is complete, because the text may move
// while it grows. Thread rule: one worker.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/message/head.h"

namespace weft::http2 {

class HeadText {
 public:
  enum class Pseudo : std::uint8_t { kMethod, kScheme, kAuthority, kPath, kStatus, kProtocol, kCount };

  void Begin(std::size_t most_bytes, std::size_t most_fields);
  // One field as decoded. A name that begins with a colon is a pseudo field.
  void Add(std::string_view name, std::string_view value);
  bool too_large() const { return too_large_; }
  std::size_t decoded() const { return decoded_; }  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
  void Forget();                                    // gives memory back that an ordinary head does not need

  // Of a complete section.
  std::string_view text() const { return text_; }
  std::string_view pseudo(Pseudo which) const { return View(pseudo_[static_cast<std::size_t>(which)]); }
  bool has(Pseudo which) const { return pseudo_[static_cast<std::size_t>(which)].present; }
  // The fields without Host, crumbs of cookies joined. False: Host contradicts :authority or repeats.
  bool Fields(message::FieldList& fields, std::string_view& host);

 private:
  struct Piece {
    std::uint32_t at = 0, name = 0, value = 0;  // offset; sizes
    message::FieldId id = message::FieldId::kOther;
    bool present = false;
  };
  std::string_view View(const Piece& piece) const {
    return std::string_view(text_).substr(piece.at + piece.name + (piece.name == 0 ? 0 : 2), piece.value);
  }
  Piece Put(std::string_view name, std::string_view value);
  Piece JoinCookies();

  std::string text_;
  std::vector<Piece> pieces_;
  Piece pseudo_[static_cast<std::size_t>(Pseudo::kCount)];
  std::size_t most_bytes_ = 0, most_fields_ = 0, decoded_ = 0, cookies_ = 0;
  bool too_large_ = false;
};

}  // namespace weft::http2
