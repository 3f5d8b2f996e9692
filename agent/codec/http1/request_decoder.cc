#include <algorithm>

#include "agent/codec/http1/decoder.h"

namespace weft::http1 {
namespace {

using message::FieldId;

constexpr std::size_t kMostBesideTarget = 64;  // method, spaces, version and CRLF of a request line

// What Interpret looks at.
constexpr std::uint64_t kRead =
    message::FieldBit(FieldId::kHost) | message::FieldBit(FieldId::kContentLength) |
    message::FieldBit(FieldId::kTransferEncoding) | message::FieldBit(FieldId::kConnection) |
    message::FieldBit(FieldId::kUpgrade) | message::FieldBit(FieldId::kExpect);

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Event RequestDecoder::Fail(Reason reason) {
  state_ = State::kFailed;
  return Event::Error(reason);
}

Event RequestDecoder::Next(std::string_view bytes, message::RequestHead& head, message::FieldList& trailers) {
  switch (state_) {
    case State::kHead: return Head(bytes, head);
    case State::kLength: {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      if (part == 0) return Event::NeedMore();
      left_ -= part;
      if (left_ == 0) state_ = State::kEnd;
      return {Event::Kind::kData, part, bytes.substr(0, part), Reason::kOk};
    }
    case State::kChunked: {
      const Event event = chunked_.Next(bytes, limits_, trailers);
      if (event.kind == Event::Kind::kEnd) state_ = State::kHead;
      if (event.kind == Event::Kind::kError) state_ = State::kFailed;
      return event;
    }
    case State::kEnd: state_ = State::kHead; return Event::End(0);
    case State::kFailed: break;
  }
  return Event::Error(Reason::kBadRequest);
}

Event RequestDecoder::Head(std::string_view bytes, message::RequestHead& head) {
  std::size_t skipped = 0;
  if (scan_.at == 0 && !skipped_empty_line_ && bytes.starts_with("\r\n")) {  // RFC 9112 2.2; once
    bytes.remove_prefix(2);
    skipped = 2;
    skipped_empty_line_ = true;
  }
  if (scan_.at == 0) {
    if (const std::size_t size = Whole(bytes, head); size > 0) return Accept(skipped + size, head);
  }
  switch (FindHeadEnd(bytes, limits_.head_bytes, MostFirstLine(), scan_)) {
    case ScanResult::kMore:
      if (scan_.at == 1 && bytes[0] == '\r' && !skipped_empty_line_)
        scan_ = {};  // perhaps the first half of an empty line
      return Event::NeedMore(skipped);
    case ScanResult::kBareLf: return Fail(Reason::kBadRequest);
    case ScanResult::kTooLong: return Fail(Reason::kHeadTooLarge);
    case ScanResult::kLineTooLong: return Fail(Reason::kUriTooLong);
    case ScanResult::kFound: break;
  }
  const std::size_t size = scan_.at;
  std::string_view lines = bytes.substr(0, size);
  Reason reason = ParseRequestLine(TakeLine(lines), head);
  if (reason == Reason::kOk) {
    head.fields.Clear();
    reason = ParseFields(lines, limits_.fields, head.fields);
  }
  return reason == Reason::kOk ? Accept(skipped + size, head) : Fail(reason);
}

std::size_t RequestDecoder::Whole(std::string_view bytes, message::RequestHead& head) {
  return ReadWholeHead(bytes, limits_, MostFirstLine(), head.fields,
                       [&](std::string_view line) { return ParseRequestLine(line, head) == Reason::kOk; });
}

Event RequestDecoder::Accept(std::size_t consumed, message::RequestHead& head) {
  scan_ = {};
  skipped_empty_line_ = false;
  const Reason reason = Interpret(head);
  if (reason != Reason::kOk) return Fail(reason);
  return {Event::Kind::kHead, consumed, {}, Reason::kOk};
}

// With its CRLF.
std::size_t RequestDecoder::MostFirstLine() const { return limits_.target_bytes + kMostBesideTarget; }

Reason RequestDecoder::ParseRequestLine(std::string_view line, message::RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return Reason::kBadRequest;
  const std::string_view version = line.substr(last + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || !IsDigit(version[5]) || version[6] != '.' ||
      !IsDigit(version[7])) {
    return Reason::kBadRequest;
  }
  if (version[5] != '1') return Reason::kVersionNotSupported;
  head.version = version[7] == '0' ? message::Version::kHttp10 : message::Version::kHttp11;
  head.method_text = line.substr(0, first);
  head.method = message::ParseMethod(head.method_text);
  if (head.method == message::Method::kOther && !IsToken(head.method_text)) return Reason::kBadRequest;
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (target.size() > limits_.target_bytes) return Reason::kUriTooLong;
  if (!IsTargetText(target)) return Reason::kBadRequest;
  return ParseTarget(target, head);
}

// RFC 9112 section 3.2: origin, absolute, authority and asterisk form.
Reason RequestDecoder::ParseTarget(std::string_view target, message::RequestHead& head) {
  head.scheme = "http";
  head.authority = {};
  absolute_ = false;
  if (head.method == message::Method::kConnect) {
    absolute_ = true;
    head.authority = target;
    head.target = {};
    const bool has_port = IsDigit(target.back()) && target.rfind(':') != std::string_view::npos;
    return IsAuthority(target) && has_port ? Reason::kOk : Reason::kBadRequest;
  }
  if (target.front() == '/') {
    head.target = target;
    return Reason::kOk;
  }
  if (target == "*") {
    head.target = target;
    return head.method == message::Method::kOptions ? Reason::kOk : Reason::kBadRequest;
  }
  const std::size_t colon = target.find("://");
  if (colon == std::string_view::npos) return Reason::kBadRequest;
  const bool secure = message::EqualsIgnoreCase(target.substr(0, colon), "https");
  if (!secure && !message::EqualsIgnoreCase(target.substr(0, colon), "http")) return Reason::kBadRequest;
  head.scheme = secure ? "https" : "http";
  const std::string_view rest = target.substr(colon + 3);
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  head.authority = rest.substr(0, slash);
  head.target = rest.substr(slash);
  if (head.target.empty()) head.target = head.method == message::Method::kOptions ? "*" : "/";
  absolute_ = true;
  const bool rooted = head.target.front() != '?';  // "http://host?query" has no origin form without rewriting
  return rooted && !head.authority.empty() && IsAuthority(head.authority) ? Reason::kOk : Reason::kBadRequest;
}

// What the fields say of framing, host and connection.
Reason RequestDecoder::Interpret(message::RequestHead& head) {
  Persistence persistence(head.version);
  expects_continue_ = false;
  body_ = {};
  std::size_t hosts = 0, host_at = 0, lengths = 0, codings = 0;
  bool chunked = false, upgrade_field = false;
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const message::Field& field = head.fields[i];
    if ((kRead & message::FieldBit(field.id)) == 0) continue;
    switch (field.id) {
      case FieldId::kHost:
        if (!IsAuthority(field.value) || ++hosts > 1) return Reason::kBadRequest;
        host_at = i;
        if (!absolute_) head.authority = field.value;
        break;
      case FieldId::kContentLength:
        if (++lengths > 1 || !ParseLength(field.value, body_.length)) return Reason::kBadRequest;
        break;
      case FieldId::kTransferEncoding:
        ++codings;
        chunked = message::EqualsIgnoreCase(field.value, "chunked");
        break;
      case FieldId::kConnection: persistence.Read(field.value); break;
      case FieldId::kUpgrade: upgrade_field = true; break;
      case FieldId::kExpect:
        if (!message::EqualsIgnoreCase(field.value, "100-continue")) return Reason::kExpectationFailed;
        expects_continue_ = head.version == message::Version::kHttp11;
        break;
      default: break;
    }
  }
  keep_alive_ = persistence.keep_alive();
  head.upgrade = persistence.upgrade() && upgrade_field && head.version == message::Version::kHttp11;
  if (hosts == 0 && head.version == message::Version::kHttp11) return Reason::kBadRequest;
  if (hosts > 0) head.fields.RemoveOnly(host_at);
  if (persistence.names_fields()) RemoveNamedByConnection(head.fields);
  return Frame(head.version, lengths, codings, chunked);
}

Reason RequestDecoder::Frame(message::Version version, std::size_t lengths, std::size_t codings,
                             bool chunked) {
  if (codings > 0) {
    if (lengths > 0 || version == message::Version::kHttp10) return Reason::kBadRequest;
    if (codings > 1 || !chunked) return Reason::kNotImplemented;
    body_.kind = message::Body::Kind::kChunked;
    chunked_.Reset();
    state_ = State::kChunked;
  } else if (lengths > 0) {
    body_.kind = message::Body::Kind::kLength;
    left_ = body_.length;
    state_ = left_ > 0 ? State::kLength : State::kEnd;
  } else {
    state_ = State::kEnd;
  }
  return Reason::kOk;
}

}  // namespace weft::http1
