#include "agent/codec/http1/chunked.h"

#include <algorithm>

namespace weft::http1 {
namespace {

constexpr std::size_t kMostSizeLine = 1024;         // one size with its extensions
constexpr std::size_t kMostExtensions = 16 * 1024;  // of a whole message
constexpr std::size_t kMostDigits = 15;             // a chunk below 2^60 bytes

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes what begins `text` and is in the grammar off it; false: nothing is.
bool TakeToken(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && IsToken(text.substr(size, 1))) ++size;
  text.remove_prefix(size);
  return size > 0;
}

bool TakeQuoted(std::string_view& text) {
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      text.remove_prefix(at + 1);
      return true;
    }
    if (text[at] == '\\') ++at;
  }
  return false;
}

// RFC 9112 7.1.1 without its optional white space, over which implementations disagree.
bool AreExtensions(std::string_view text) {
  if (!IsFieldValue(text)) return false;  // no controls, quoted or not
  while (!text.empty()) {
    if (text.front() != ';') return false;
    text.remove_prefix(1);
    if (!TakeToken(text)) return false;
    if (!text.starts_with('=')) continue;
    text.remove_prefix(1);
    if (!(text.starts_with('"') ? TakeQuoted(text) : TakeToken(text))) return false;
  }
  return true;
}

// Fields that say where a message ends or where it goes must not come after it (RFC 9110 6.5.1).
bool MayTrail(const message::Field& field) {
  using message::FieldId;
  switch (field.id) {
    case FieldId::kHost:
    case FieldId::kConnection:
    case FieldId::kKeepAlive:
    case FieldId::kProxyConnection:
    case FieldId::kProxyAuthenticate:
    case FieldId::kProxyAuthorization:
    case FieldId::kTe:
    case FieldId::kTrailer:
    case FieldId::kTransferEncoding:
    case FieldId::kContentLength:
    case FieldId::kUpgrade:
    case FieldId::kExpect:
    case FieldId::kCookie: return false;
    default: return true;
  }
}

}  // namespace

void ChunkedDecoder::Reset() { *this = ChunkedDecoder(); }

Event ChunkedDecoder::Next(std::string_view bytes, const Limits& limits, message::FieldList& trailers) {
  std::size_t skipped = 0;
  if (state_ == State::kDataEnd) {
    if (bytes.size() < 2) {
      return !bytes.empty() && bytes[0] != '\r' ? Event::Error(Reason::kBadRequest) : Event::NeedMore();
    }
    if (bytes[0] != '\r' || bytes[1] != '\n') return Event::Error(Reason::kBadRequest);
    state_ = State::kSize;
    skipped = 2;
    bytes.remove_prefix(2);
  }
  if (state_ == State::kSize) {
    const Event size = Size(bytes);
    if (size.kind == Event::Kind::kError) return size;
    skipped += size.consumed;
    if (state_ == State::kSize) return Event::NeedMore(skipped);
    bytes.remove_prefix(size.consumed);
  }
  Event event;
  if (state_ == State::kData) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    if (part == 0) return Event::NeedMore(skipped);
    left_ -= part;
    if (left_ == 0) state_ = State::kDataEnd;
    event = {Event::Kind::kData, part, bytes.substr(0, part), Reason::kOk};
  } else if (state_ == State::kTrailers) {
    event = Trailers(bytes, limits, trailers);
  } else {
    event = Event::End(0);
  }
  event.consumed += skipped;
  return event;
}

Event ChunkedDecoder::Size(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMostSizeLine).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMostSizeLine) return Event::Error(Reason::kBadRequest);
    return bytes.empty() || HexValue(bytes[0]) >= 0 ? Event::NeedMore() : Event::Error(Reason::kBadRequest);
  }
  if (end == 0 || bytes[end - 1] != '\r' || !ParseSizeLine(bytes.substr(0, end - 1))) {
    return Event::Error(Reason::kBadRequest);
  }
  state_ = left_ == 0 ? State::kTrailers : State::kData;
  scan_ = {};
  return Event::NeedMore(end + 1);
}

bool ChunkedDecoder::ParseSizeLine(std::string_view line) {
  std::size_t digits = 0;
  left_ = 0;
  while (digits < line.size() && HexValue(line[digits]) >= 0) {
    left_ = left_ * 16 + static_cast<std::uint64_t>(HexValue(line[digits]));
    if (++digits > kMostDigits) return false;
  }
  const std::string_view extension = line.substr(digits);
  extension_bytes_ += extension.size();
  if (digits == 0 || extension_bytes_ > kMostExtensions) return false;
  return AreExtensions(extension);
}

Event ChunkedDecoder::Trailers(std::string_view bytes, const Limits& limits, message::FieldList& trailers) {
  switch (FindHeadEnd(bytes, limits.head_bytes, limits.head_bytes + 1, scan_)) {
    case ScanResult::kMore: return Event::NeedMore();
    case ScanResult::kBareLf: return Event::Error(Reason::kBadRequest);
    case ScanResult::kTooLong:
    case ScanResult::kLineTooLong: return Event::Error(Reason::kHeadTooLarge);
    case ScanResult::kFound: break;
  }
  trailers.Clear();
  const std::size_t size = scan_.at;
  const Reason reason = ParseFields(bytes.substr(0, size), limits.fields, trailers);
  if (reason != Reason::kOk) return Event::Error(reason);
  if (!std::all_of(trailers.begin(), trailers.end(), MayTrail)) return Event::Error(Reason::kBadRequest);
  state_ = State::kEnd;
  if (trailers.empty()) return Event::End(size);
  return {Event::Kind::kTrailers, size, {}, Reason::kOk};
}

}  // namespace weft::http1
