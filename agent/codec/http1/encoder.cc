#include "agent/codec/http1/encoder.h"

#include <algorithm>
#include <charconv>

namespace weft::http1 {
namespace {

using message::Body;
using message::Field;
using message::FieldId;

class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> out)
      : at_(out.data()), end_(out.data() + out.size()), begin_(out.data()) {}

  void Put(std::string_view text) {
    if (text.empty()) return;
    if (static_cast<std::size_t>(end_ - at_) < text.size()) {
      full_ = true;
      return;
    }
    at_ = std::copy(text.begin(), text.end(), at_);
  }
  void PutNumber(std::uint64_t value) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    Put({digits, static_cast<std::size_t>(end - digits)});
  }
  void PutField(std::string_view name, std::string_view value) {
    if (static_cast<std::size_t>(end_ - at_) < name.size() + value.size() + 4) {
      full_ = true;
      return;
    }
    at_ = std::copy(name.begin(), name.end(), at_);
    *at_++ = ':';
    *at_++ = ' ';
    at_ = std::copy(value.begin(), value.end(), at_);
    *at_++ = '\r';
    *at_++ = '\n';
  }
  std::size_t size() const { return full_ ? 0 : static_cast<std::size_t>(at_ - begin_); }

 private:
  char* at_;
  char* end_;
  char* begin_;
  bool full_ = false;
};

constexpr std::uint64_t kHopByHop =
    message::FieldBit(FieldId::kHost) | message::FieldBit(FieldId::kConnection) |
    message::FieldBit(FieldId::kKeepAlive) | message::FieldBit(FieldId::kProxyConnection) |
    message::FieldBit(FieldId::kProxyAuthenticate) | message::FieldBit(FieldId::kProxyAuthorization) |
    message::FieldBit(FieldId::kTransferEncoding) | message::FieldBit(FieldId::kContentLength) |
    message::FieldBit(FieldId::kUpgrade);

bool IsHopByHop(const Field& field) {
  if (field.id == FieldId::kTe) return !message::EqualsIgnoreCase(field.value, "trailers");
  return (kHopByHop & message::FieldBit(field.id)) != 0;
}

// Fields that came one behind the other go out in one piece.
void PutFields(HeadWriter& out, const message::FieldList& fields) {
  const bool all_go = (fields.ids() & (kHopByHop | message::FieldBit(FieldId::kTe))) == 0;
  std::string_view run;
  for (const Field& field : fields) {
    if (!all_go && IsHopByHop(field)) continue;
    if (field.line && field.id != FieldId::kTe) {
      const std::size_t size = field.name.size() + field.value.size() + 4;
      if (field.name.data() != run.data() + run.size()) {
        out.Put(run);
        run = {field.name.data(), 0};
      }
      run = {run.data(), run.size() + size};
      continue;
    }
    out.Put(run);
    run = {};
    out.PutField(field.name, field.value);
    if (field.id == FieldId::kTe) out.PutField("connection", "te");
  }
  out.Put(run);
}

void PutFraming(HeadWriter& out, Body body) {
  if (body.kind == Body::Kind::kChunked) out.PutField("transfer-encoding", "chunked");
  if (body.kind != Body::Kind::kLength) return;
  out.Put("content-length: ");
  out.PutNumber(body.length);
  out.Put("\r\n");
}

}  // namespace

std::size_t EncodeRequestHead(const message::RequestHead& head, Body body, std::span<char> out) {
  HeadWriter writer(out);
  writer.Put(head.method_text);
  writer.Put(" ");
  writer.Put(head.method == message::Method::kConnect ? head.authority : head.target);
  writer.Put(" HTTP/1.1\r\n");
  writer.PutField("host", head.authority);
  PutFields(writer, head.fields);
  PutFraming(writer, body);
  writer.Put("\r\n");
  return writer.size();
}

std::size_t EncodeResponseHead(const message::ResponseHead& head, ResponseFraming framing,
                               std::span<char> out) {
  HeadWriter writer(out);
  writer.Put("HTTP/1.1 ");
  writer.PutNumber(static_cast<std::uint64_t>(head.status));
  writer.Put(" ");
  writer.Put(head.reason_phrase.empty() ? ReasonPhrase(head.status) : head.reason_phrase);
  writer.Put("\r\n");
  PutFields(writer, head.fields);
  const Field* length = framing.keep_length ? head.fields.Find(FieldId::kContentLength) : nullptr;
  if (length != nullptr)
    writer.PutField("content-length", length->value);
  else
    PutFraming(writer, framing.body);
  if (!framing.keep_alive || framing.body.kind == Body::Kind::kUntilClose)
    writer.PutField("connection", "close");
  writer.Put("\r\n");
  return writer.size();
}

ChunkHead EncodeChunkHead(std::size_t bytes) {
  ChunkHead head{};
  char* end = std::to_chars(head.bytes.data(), head.bytes.data() + 16, bytes, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  head.size = static_cast<std::size_t>(end - head.bytes.data());
  return head;
}

std::size_t EncodeTrailers(const message::FieldList& trailers, std::span<char> out) {
  HeadWriter writer(out);
  writer.Put("0\r\n");
  for (const Field& field : trailers) writer.PutField(field.name, field.value);
  writer.Put("\r\n");
  return writer.size();
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 508: return "Loop Detected";
    default: return "";
  }
}

}  // namespace weft::http1
