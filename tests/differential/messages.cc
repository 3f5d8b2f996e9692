// Writes requests for another parser to read: the request corpus and seeded mutations of it go through our
// decoder, and each message that it accepts is encoded again. One line per message on standard output, two
// hexadecimal texts: the bytes, and what they mean (method, target, fields, empty line, body, trailers).
// Usage: http1-messages FOLDER ROUNDS
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "agent/codec/http1/decoder.h"
#include "agent/codec/http1/encoder.h"

namespace {

using namespace weft;
using Kind = http1::Event::Kind;

// What smuggling is made of.
constexpr std::array<std::string_view, 24> kTricks = {"\r\n",
                                                      "\n",
                                                      "\r",
                                                      " ",
                                                      "\t",
                                                      ":",
                                                      std::string_view("\0", 1),
                                                      "0",
                                                      "chunked",
                                                      "0x",
                                                      "+",
                                                      "-",
                                                      ";a=b",
                                                      ",",
                                                      "\r\n ",
                                                      "Content-Length: 3\r\n",
                                                      "5",
                                                      "HTTP/1.0",
                                                      "\x0b",
                                                      "\xff",
                                                      "Host: y\r\n",
                                                      "Transfer-Encoding: chunked\r\n",
                                                      "GET / HTTP/1.1\r\nHost: z\r\n\r\n",
                                                      "Connection: te, x\r\nTE: trailers\r\n"};

std::string Hex(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : text) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

struct Message {
  std::string bytes, head, body, trailers, last_chunk = "0\r\n\r\n";
};

void Lines(const message::FieldList& fields, std::string& out) {
  for (const message::Field& f : fields) out.append(f.name).append(": ").append(f.value).append("\n");
}

void Begin(const message::RequestHead& head, message::Body body, Message& message) {
  std::array<char, 128 * 1024> out;
  message = {};
  message.bytes.assign(out.data(), http1::EncodeRequestHead(head, body, out));
  // What the receiver must see is read off the decoded head, not off the encoder: end-to-end fields in their
  // order.
  message.head = std::string(head.method_text) + "\n" + std::string(head.target) +
                 "\nhost: " + std::string(head.authority) + "\n";
  message::FieldList passed;
  using message::FieldId;
  constexpr std::array kHop = {
      FieldId::kConnection,        FieldId::kKeepAlive,          FieldId::kProxyConnection,
      FieldId::kProxyAuthenticate, FieldId::kProxyAuthorization, FieldId::kTe,
      FieldId::kTransferEncoding,  FieldId::kContentLength,      FieldId::kUpgrade};
  for (const message::Field& f : head.fields) {
    if (std::find(kHop.begin(), kHop.end(), f.id) == kHop.end()) passed.Add(f.name, f.value, f.id);
  }
  Lines(passed, message.head);
}

void Finish(const Message& m, bool chunked) {
  const std::string bytes = m.bytes + (chunked ? m.last_chunk : "");
  std::printf("%s %s\n", Hex(bytes).c_str(), Hex(m.head + "\n" + m.body + "\n" + m.trailers).c_str());
}

std::size_t WriteMessages(std::string_view bytes) {
  http1::RequestDecoder decoder;
  message::RequestHead head;
  message::FieldList trailers;
  Message message;
  std::size_t count = 0;
  while (true) {
    const http1::Event event = decoder.Next(bytes, head, trailers);
    const bool chunked = decoder.body().kind == message::Body::Kind::kChunked;
    if (event.kind == Kind::kError || event.kind == Kind::kNeedMore) return count;
    bytes.remove_prefix(event.consumed);
    if (event.kind == Kind::kHead) {
      if (head.method == message::Method::kConnect || head.method == message::Method::kOther) return count;
      Begin(head, decoder.body(), message);
    } else if (event.kind == Kind::kData) {
      message.body += event.data;
      if (chunked) message.bytes += http1::EncodeChunkHead(event.data.size()).view();
      message.bytes.append(event.data).append(chunked ? http1::kChunkEnd : "");
    } else if (event.kind == Kind::kTrailers) {
      std::array<char, 128 * 1024> out;
      message.last_chunk.assign(out.data(), http1::EncodeTrailers(trailers, out));
      Lines(trailers, message.trailers);
    } else {
      Finish(message, chunked);
      ++count;
    }
  }
}

std::string Mutate(std::string text, std::mt19937& random) {
  for (auto edits = 1 + random() % 3; edits > 0; --edits) {
    const std::size_t at = random() % (text.size() + 1);
    switch (random() % 3) {
      case 0: text.insert(at, kTricks[random() % kTricks.size()]); break;
      case 1: text.erase(at, 1 + random() % 4); break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random());
    }
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: http1-messages FOLDER ROUNDS\n");
    return 2;
  }
  std::vector<std::string> seeds;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (bytes.size() > 1) seeds.push_back(bytes.substr(1));  // the first byte is the fuzzer's
  }
  std::sort(seeds.begin(), seeds.end());
  std::mt19937 random(1);
  std::size_t count = 0;
  for (const std::string& seed : seeds) count += WriteMessages(seed);
  const long rounds = std::strtol(argv[2], nullptr, 10);
  for (long i = 0; i < rounds && !seeds.empty(); ++i)
    count += WriteMessages(Mutate(seeds[random() % seeds.size()], random));
  std::fprintf(stderr, "%zu messages\n", count);
  return count == 0 ? 1 : 0;
}
