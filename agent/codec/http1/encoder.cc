#include "agent/codec/http1/encoder.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/message/hop_by_hop.h"

namespace weft::http1 {
namespace {

using message::Body;
using message::Field;
using message::FieldId;
using message::kHopByHop;

class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> out)
      : at_(out.data()), end_(out.data() + out.size()), begin_(out.data()) {}

  void Put(std::string_view text) {
    if (text.empty() || !Has(text.size())) return;
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  template <std::size_t N>
  void Put(const char (&text)[N]) {
    if (!Has(N - 1)) return;
    std::memcpy(at_, text, N - 1);
    at_ += N - 1;
  }
  void PutNumber(std::uint64_t value) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    Put({digits, static_cast<std::size_t>(end - digits)});
  }
  void PutField(std::string_view name, std::string_view value) {
    Put(name);
    Put(": ");
    Put(value);
    Put("\r\n");
  }
  std::size_t size() const { return full_ ? 0 : static_cast<std::size_t>(at_ - begin_); }

 private:
  bool Has(std::size_t bytes) {
    full_ |= static_cast<std::size_t>(end_ - at_) < bytes;
    return !full_;
  }

  char* at_;
  char* end_;
  char* begin_;
  bool full_ = false;
};

// Whether the field that was received says the length as we would.
bool LengthStands(const message::FieldList& fields, Body body) {
  if (body.kind != Body::Kind::kLength) return false;
  const Field* field = fields.Find(FieldId::kContentLength);
  return field != nullptr && field->line && (field->value.front() != '0' || field->value.size() == 1);
}

void PutTe(HeadWriter& out, const Field& field) {
  if (!message::TePasses(field)) return;
  out.PutField(field.name, field.value);
  out.Put("connection: te\r\n");
}

// Fields that came one behind the other go out in one piece.
void PutFields(HeadWriter& out, const message::FieldList& fields, std::uint64_t left_out) {
  const char *begin = nullptr, *next = nullptr;  // the piece
  const auto put_piece = [&] {
    out.Put(std::string_view(begin, static_cast<std::size_t>(next - begin)));
    begin = next = nullptr;
  };
  for (const Field& field : fields) {
    if ((left_out & message::FieldBit(field.id)) != 0) continue;
    if (field.line && field.id != FieldId::kTe) {
      if (field.name.data() != next) {
        put_piece();
        begin = field.name.data();
      }
      next = field.value.data() + field.value.size() + 2;
      continue;
    }
    put_piece();
    if (field.id == FieldId::kTe)
      PutTe(out, field);
    else
      out.PutField(field.name, field.value);
  }
  put_piece();
}

struct Kept {
  bool length = false;   // a received Content-Length
  bool upgrade = false;  // Upgrade, which Connection then names
};

void PutFieldsAndFraming(HeadWriter& out, const message::FieldList& fields, Body body, Kept kept) {
  const bool stands = kept.length || LengthStands(fields, body);
  const std::uint64_t stay = (stands ? message::FieldBit(FieldId::kContentLength) : 0) |
                             (kept.upgrade ? message::FieldBit(FieldId::kUpgrade) : 0);
  PutFields(out, fields, kHopByHop & ~stay);
  if (kept.upgrade) out.Put("connection: upgrade\r\n");
  if (body.kind == Body::Kind::kChunked) out.Put("transfer-encoding: chunked\r\n");
  if (stands || body.kind != Body::Kind::kLength) return;
  out.Put("content-length: ");
  out.PutNumber(body.length);
  out.Put("\r\n");
}

void PutStatus(HeadWriter& out, int status) {
  const char digits[] = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                         static_cast<char>('0' + status % 10), ' '};
  out.Put("HTTP/1.1 ");
  out.Put(std::string_view(digits, sizeof digits));
}

}  // namespace

std::size_t EncodeRequestHead(const message::RequestHead& head, Body body, std::span<char> out) {
  HeadWriter writer(out);
  writer.Put(head.method_text);
  writer.Put(" ");
  writer.Put(head.method == message::Method::kConnect ? head.authority : head.target);
  writer.Put(" HTTP/1.1\r\nhost: ");
  writer.Put(head.authority);
  writer.Put("\r\n");
  PutFieldsAndFraming(writer, head.fields, body, {false, head.upgrade});
  writer.Put("\r\n");
  return writer.size();
}

std::size_t EncodeResponseHead(const message::ResponseHead& head, ResponseFraming framing,
                               std::span<char> out) {
  HeadWriter writer(out);
  PutStatus(writer, head.status);
  writer.Put(head.reason_phrase.empty() ? ReasonPhrase(head.status) : head.reason_phrase);
  writer.Put("\r\n");
  const bool switches = head.status == 101;
  PutFieldsAndFraming(writer, head.fields, framing.body, {framing.keep_length, switches});
  if ((!framing.keep_alive || framing.body.kind == Body::Kind::kUntilClose) && !switches)
    writer.Put("connection: close\r\n");
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
    case 101: return "Switching Protocols";
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
