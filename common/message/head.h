#pragma once
// The heads of HTTP messages as every stage sees them, whatever version brought them. Texts are views into
// memory that the owner of the head keeps alive (an exchange's arena); a head is cheap to read and is edited
// by replacing views. Field names compare without case; well-known names are interned once, by the decoder.
// Thread rule: belongs to one worker.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weft::message {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kOther
};
Method ParseMethod(std::string_view text);
bool IsSafe(Method method);        // RFC 9110 9.2.1
bool IsIdempotent(Method method);  // RFC 9110 9.2.2

enum class Version : std::uint8_t { kHttp10, kHttp11, kHttp2 };

// Names that some stage looks at. kOther is everything else.
enum class FieldId : std::uint8_t {
  kOther,
  kHost,
  kConnection,
  kKeepAlive,
  kProxyConnection,
  kProxyAuthenticate,
  kProxyAuthorization,
  kTe,
  kTrailer,
  kTransferEncoding,
  kContentLength,
  kUpgrade,
  kExpect,
  kDate,
  kServer,
  kVia,
  kLocation,
  kRetryAfter,
  kContentType,
  kCookie,
  kGrpcStatus,
  kGrpcTimeout,
  kTraceparent,
  kXForwardedFor,
  kXForwardedProto,
  kXRequestId,
  kIdempotencyKey,
  kWeftDeadlineMs,  // x-weft-deadline-ms
  kWeftAttempt,     // x-weft-attempt
  kWeftExplain,     // x-weft-explain
  kWeftReason,      // x-weft-reason
  kWeftLoad,        // x-weft-load
  kWeftDrain,       // x-weft-drain
  kWeftHttp,        // x-weft-http
  kWeftOther,       // any other x-weft-*
  kCount,
};
FieldId InternFieldName(std::string_view name);  // without case
std::string_view FieldName(FieldId id);          // lower case; empty for kOther and kWeftOther

constexpr std::uint64_t FieldBit(FieldId id) { return std::uint64_t{1} << static_cast<int>(id); }
static_assert(static_cast<int>(FieldId::kCount) < 64);
inline constexpr std::uint64_t kOurFields = FieldBit(FieldId::kCount) - FieldBit(FieldId::kWeftDeadlineMs);

struct Field {
  std::string_view name;   // as it came
  std::string_view value;  // without surrounding white space
  FieldId id = FieldId::kOther;
  // Both are parts of one text that reads `name: value` CRLF, as the encoder would write it: it may copy
  // that.
  bool line = false;
};

inline constexpr std::size_t kMaxFields = 160;  // limits.headers (at most 128) and what the mesh adds

// An ordered list of fields with room for kMaxFields; no allocation.
class FieldList {
 public:
  // False: full.
  bool Add(std::string_view name, std::string_view value, FieldId id, bool line = false) {
    if (full()) return false;
    Field& field = fields_[size_++];
    field.name = name;
    field.value = value;
    field.id = id;
    field.line = line;
    ids_ |= FieldBit(id);
    return true;
  }
  bool Add(const Field& field) { return Add(field.name, field.value, field.id, field.line); }
  bool Add(FieldId id, std::string_view value) { return Add(FieldName(id), value, id); }
  // A copy of another list's fields, with its ids().
  void Assign(std::span<const Field> fields, std::uint64_t ids) {
    size_ = static_cast<std::uint32_t>(fields.size());
    ids_ = ids;
    std::copy(fields.begin(), fields.end(), fields_.begin());
  }
  std::uint64_t ids() const { return ids_; }                             // FieldBit of each that it may have
  bool MayHave(FieldId id) const { return (ids_ & FieldBit(id)) != 0; }  // false: surely not
  bool MayHaveOurs() const { return (ids_ & kOurFields) != 0; }          // any x-weft-*
  const Field* Find(FieldId id) const { return MayHave(id) ? Search(id) : nullptr; }  // the first
  const Field* Find(std::string_view name) const;  // without case; the first
  std::size_t Remove(FieldId id);                  // how many
  std::size_t Remove(std::string_view name);
  void Set(std::string_view name, std::string_view value);  // replaces all of that name, else adds
  void RemoveOnly(std::size_t index) {                      // the only one of its id
    ids_ &= ~FieldBit(fields_[index].id);
    std::copy(begin() + index + 1, end(), begin() + index);
    --size_;
  }
  void Clear() { size_ = 0, ids_ = 0; }
  void Truncate(std::size_t size) { size_ = static_cast<std::uint32_t>(size); }  // size <= size()

  const Field* begin() const { return fields_.data(); }
  const Field* end() const { return fields_.data() + size_; }
  Field* begin() { return fields_.data(); }
  Field* end() { return fields_.data() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == kMaxFields; }
  const Field& operator[](std::size_t i) const { return fields_[i]; }

 private:
  const Field* Search(FieldId id) const;

  std::uint32_t size_ = 0;
  std::uint64_t ids_ = 0;  // of all fields added since Clear, also of most of those removed again
  std::array<Field, kMaxFields> fields_;  // deliberately not zeroed
};

bool EqualsIgnoreCase(std::string_view a, std::string_view b);
// Whether a comma-separated list field has this token, without case ("close" in Connection).
bool HasToken(std::string_view list, std::string_view token);

struct RequestHead {
  Method method = Method::kGet;
  Version version = Version::kHttp11;
  std::string_view method_text;
  std::string_view scheme;     // "http" unless the transport or an absolute target says otherwise
  std::string_view authority;  // Host or :authority as sent, absolute target's authority if there was one
  std::string_view target;     // origin form: path and query, or "*"; CONNECT: empty
  FieldList fields;            // without Host: the encoder writes `authority`
  bool upgrade = false;        // asks for another protocol (RFC 9110 7.8): Connection and Upgrade go on

  std::string_view path() const { return target.substr(0, target.find('?')); }
  std::string_view query() const;  // without '?', empty if none
};

struct ResponseHead {
  int status = 0;
  Version version = Version::kHttp11;
  std::string_view reason_phrase;
  FieldList fields;
};

// How long a message's body is.
struct Body {
  enum class Kind : std::uint8_t { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // of kLength
  bool empty() const { return kind == Kind::kNone || (kind == Kind::kLength && length == 0); }
};

}  // namespace weft::message
