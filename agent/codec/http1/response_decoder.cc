#include <algorithm>
#include <charconv>

#include "agent/codec/http1/decoder.h"

namespace weft::http1 {
namespace {

using message::FieldId;

// What Interpret looks at.
constexpr std::uint64_t kSaysHow =
    message::FieldBit(FieldId::kContentLength) | message::FieldBit(FieldId::kTransferEncoding) |
    message::FieldBit(FieldId::kConnection) | message::FieldBit(FieldId::kKeepAlive);

std::uint32_t TimeoutParameter(std::string_view keep_alive) {  // "timeout=5, max=100"
  const std::size_t at = keep_alive.find("timeout=");
  std::uint32_t seconds = 0;
  if (at != std::string_view::npos) {
    std::from_chars(keep_alive.data() + at + 8, keep_alive.data() + keep_alive.size(), seconds);
  }
  return seconds;
}

}  // namespace

void ResponseDecoder::Expect(message::Method method) {
  method_ = method;
  state_ = State::kHead;
  scan_ = {};
  started_ = interim_ = may_switch_ = false;
  keep_alive_seconds_ = 0;
  interim_bytes_ = 0;
}

Event ResponseDecoder::Fail(Reason reason) {
  state_ = State::kFailed;
  return Event::Error(reason);
}

Event ResponseDecoder::Next(std::string_view bytes, message::ResponseHead& head,
                            message::FieldList& trailers) {
  started_ |= !bytes.empty();
  switch (state_) {
    case State::kHead: return Head(bytes, head);
    case State::kUntilClose:
      if (bytes.empty()) return Event::NeedMore();
      return {Event::Kind::kData, bytes.size(), bytes, Reason::kOk};
    case State::kLength: {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      if (part == 0) return Event::NeedMore();
      left_ -= part;
      if (left_ == 0) state_ = State::kEnd;
      return {Event::Kind::kData, part, bytes.substr(0, part), Reason::kOk};
    }
    case State::kChunked: {
      Event event = chunked_.Next(bytes, limits_, trailers);
      if (event.kind == Event::Kind::kEnd) state_ = State::kIdle;
      if (event.kind == Event::Kind::kError) {
        return Fail(event.reason == Reason::kHeadTooLarge ? Reason::kUpstreamHeadTooLarge
                                                          : Reason::kUpstreamMalformed);
      }
      return event;
    }
    case State::kEnd: state_ = State::kIdle; return Event::End(0);
    case State::kIdle:
      if (bytes.empty()) return Event::NeedMore();
      return Fail(Reason::kUpstreamMalformed);  // bytes that nobody asked for
    case State::kSwitched: return Event::NeedMore();
    case State::kFailed: break;
  }
  return Event::Error(Reason::kUpstreamMalformed);
}

Event ResponseDecoder::OnEof() {
  if (state_ == State::kUntilClose) {
    state_ = State::kIdle;
    return Event::End(0);
  }
  const bool before_head = state_ == State::kHead && !interim_;
  state_ = State::kFailed;
  return Event::Error(before_head ? Reason::kUpstreamReset : Reason::kUpstreamTruncated);
}

Event ResponseDecoder::Head(std::string_view bytes, message::ResponseHead& head) {
  if (scan_.at == 0) {
    if (const std::size_t size = Whole(bytes, head); size > 0) return Accept(size, head);
  }
  switch (FindHeadEnd(bytes, limits_.head_bytes, limits_.head_bytes + 1, scan_)) {
    case ScanResult::kMore: return Event::NeedMore();
    case ScanResult::kBareLf: return Fail(Reason::kUpstreamMalformed);
    case ScanResult::kTooLong:
    case ScanResult::kLineTooLong: return Fail(Reason::kUpstreamHeadTooLarge);
    case ScanResult::kFound: break;
  }
  const std::size_t size = scan_.at;
  std::string_view lines = bytes.substr(0, size);
  if (!ParseStatusLine(TakeLine(lines), head)) return Fail(Reason::kUpstreamMalformed);
  head.fields.Clear();
  const Reason reason = ParseFields(lines, limits_.fields, head.fields);
  if (reason == Reason::kHeadTooLarge) return Fail(Reason::kUpstreamHeadTooLarge);
  return reason == Reason::kOk ? Accept(size, head) : Fail(Reason::kUpstreamMalformed);
}

std::size_t ResponseDecoder::Whole(std::string_view bytes, message::ResponseHead& head) {
  return ReadWholeHead(bytes, limits_, limits_.head_bytes, head.fields,
                       [&](std::string_view line) { return ParseStatusLine(line, head); });
}

Event ResponseDecoder::Accept(std::size_t size, message::ResponseHead& head) {
  scan_ = {};
  if (!Interpret(head)) return Fail(Reason::kUpstreamMalformed);
  if (interim_) interim_bytes_ += size;
  if (interim_bytes_ > limits_.head_bytes) return Fail(Reason::kUpstreamHeadTooLarge);
  return {Event::Kind::kHead, size, {}, Reason::kOk};
}

bool ResponseDecoder::ParseStatusLine(std::string_view line, message::ResponseHead& head) {
  // "HTTP/1.1 200 OK"; a missing reason phrase, also without its space, is common and harmless.
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') return false;
  if (line[7] != '0' && line[7] != '1') return false;
  head.version = line[7] == '0' ? message::Version::kHttp10 : message::Version::kHttp11;
  head.status = 0;
  for (const char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return false;
    head.status = head.status * 10 + (c - '0');
  }
  if (head.status < 100 || head.status > 599) return false;
  if (head.status == 101 && !may_switch_) return false;  // no upgrade was asked for
  if (line.size() > 12 && line[12] != ' ') return false;
  head.reason_phrase = line.size() > 13 ? line.substr(13) : std::string_view();
  return IsFieldValue(head.reason_phrase);
}

bool ResponseDecoder::Interpret(message::ResponseHead& head) {
  const bool switches = head.status == 101;
  interim_ = head.status < 200 && !switches;
  Persistence persistence(head.version);
  body_ = {};
  std::size_t lengths = 0, codings = 0;
  bool chunked = false;
  for (const message::Field& field : head.fields) {
    if ((kSaysHow & message::FieldBit(field.id)) == 0) continue;
    switch (field.id) {
      case FieldId::kContentLength:
        if (++lengths > 1 || !ParseLength(field.value, body_.length)) return false;
        break;
      case FieldId::kTransferEncoding:
        ++codings;
        chunked = message::EqualsIgnoreCase(field.value, "chunked");
        break;
      case FieldId::kConnection: persistence.Read(field.value); break;
      case FieldId::kKeepAlive: keep_alive_seconds_ = TimeoutParameter(field.value); break;
      default: break;
    }
  }
  keep_alive_ = persistence.keep_alive();
  if (persistence.names_fields()) RemoveNamedByConnection(head.fields);
  const bool bare = interim_ || switches || head.status == 204;
  if (codings > 0 && (codings > 1 || !chunked || lengths > 0 || head.version == message::Version::kHttp10))
    return false;
  if (bare && codings + lengths > 0 && !(lengths > 0 && body_.length == 0)) return false;
  if (interim_) return true;  // state stays kHead
  if (switches) {
    state_ = State::kSwitched;
    return head.fields.Find(FieldId::kUpgrade) != nullptr;
  }
  if (bare || head.status == 304 || method_ == message::Method::kHead) {
    state_ = State::kEnd;
  } else if (chunked) {
    body_.kind = message::Body::Kind::kChunked;
    chunked_.Reset();
    state_ = State::kChunked;
  } else if (lengths > 0) {
    body_.kind = message::Body::Kind::kLength;
    left_ = body_.length;
    state_ = left_ > 0 ? State::kLength : State::kEnd;
  } else {
    body_.kind = message::Body::Kind::kUntilClose;
    keep_alive_ = false;
    state_ = State::kUntilClose;
  }
  return true;
}

}  // namespace weft::http1
