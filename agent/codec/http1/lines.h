#pragma once
// Lines, tokens and fields of RFC 9112 sections 2 and 5.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/codec/http1/event.h"
#include "common/message/head.h"
#include "common/reason/reason.h"

namespace weft::http1 {

// Where the search for the end of a head stands, so that bytes arriving one by one are looked at once.
struct LineScan {
  std::size_t at = 0;    // bytes searched
  std::size_t line = 0;  // where the current line begins
};

enum class ScanResult : std::uint8_t { kMore, kFound, kBareLf, kTooLong, kLineTooLong };

// Finds the empty line that ends a head; `scan.at` is then the size of the head with that line. `most` bounds
// the head, `most_first` its first line with its CRLF. The result does not depend on how the bytes arrived.
ScanResult FindHeadEnd(std::string_view bytes, std::size_t most, std::size_t most_first, LineScan& scan);

bool IsToken(std::string_view text);       // 1*tchar
bool IsFieldValue(std::string_view text);  // no control characters but HTAB
bool IsTargetText(std::string_view text);  // visible ASCII, no '#'
bool IsAuthority(std::string_view text);   // host[:port], host may be [IPv6]; empty allowed
bool ParseLength(std::string_view text, std::uint64_t& value);  // 1*DIGIT, below 2^63

// Takes the first line, without its CRLF, off `head` (which ends with an empty line).
std::string_view TakeLine(std::string_view& head);

// Parses field lines up to and with the empty line that ends them, which need not be there yet: then kMore,
// and `fields` has what came so far.
struct Fields {
  enum class Kind : std::uint8_t { kWhole, kMore, kMalformed, kTooMany };
  Kind kind = Kind::kMore;
  std::size_t size = 0;  // of kWhole: with the empty line
};
Fields ReadFields(std::string_view bytes, std::size_t most, message::FieldList& fields);

// A head in one pass: nearly every one is good and comes in one piece. `first_line` says whether it takes the
// first line, given without its CRLF. Its size; zero: it is bad, too large or not all there, for FindHeadEnd
// to say which.
template <class FirstLine>
std::size_t ReadWholeHead(std::string_view bytes, const Limits& limits, std::size_t most_first,
                          message::FieldList& fields, FirstLine first_line) {
  const std::size_t feed = bytes.substr(0, most_first).find('\n');
  if (feed == std::string_view::npos || feed == 0 || bytes[feed - 1] != '\r') return 0;
  if (!first_line(bytes.substr(0, feed - 1))) return 0;
  fields.Clear();
  const Fields rest = ReadFields(bytes.substr(feed + 1), limits.fields, fields);
  const std::size_t size = feed + 1 + rest.size;
  return rest.kind == Fields::Kind::kWhole && size <= limits.head_bytes ? size : 0;
}

// ReadFields of lines that end with CRLF CRLF, as FindHeadEnd found it: kOk, kBadRequest or kHeadTooLarge.
Reason ParseFields(std::string_view lines, std::size_t most, message::FieldList& fields);

// Removes what Connection names (RFC 9110 7.6.1), before anything else adds fields: a peer cannot have those
// removed by naming them. Framing, Host, TE and Expect stay for the codec itself to judge.
void RemoveNamedByConnection(message::FieldList& fields);

// What Connection says of the connection's future; `close` wins over `keep-alive` wherever it stands.
class Persistence {
 public:
  explicit Persistence(message::Version version) : keep_(version == message::Version::kHttp11) {}
  void Read(std::string_view connection);
  bool keep_alive() const { return keep_ && !close_; }
  bool upgrade() const { return upgrade_; }
  bool names_fields() const { return names_fields_; }

 private:
  bool keep_, close_ = false, upgrade_ = false, names_fields_ = false;
};

}  // namespace weft::http1
