#pragma once
// Runs a decoder over an input cut into pieces, notes each event as text, and writes each complete message
// again.

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/codec/http1/decoder.h"
#include "agent/codec/http1/encoder.h"
#include "tests/fuzz/require.h"

namespace weft::fuzz {

inline std::string Fields(const message::FieldList& fields) {
  std::string text;
  for (const message::Field& field : fields) {
    text.append(field.name).append(": ").append(field.value).append("\n");
    Require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
            "a value that injects");
  }
  return text;
}

// Feeds pieces; `on_event` returns false to stop. Whatever is not consumed stays for the next call.
template <class Step>
void Feed(std::string_view bytes, std::size_t piece, Step step) {
  std::string kept;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    kept += bytes.substr(at, piece);
    std::size_t used = 0;
    while (true) {
      const http1::Event event = step(std::string_view(kept).substr(used));
      Require(event.consumed <= kept.size() - used, "consumed more than there is");
      used += event.consumed;
      if (event.kind == http1::Event::Kind::kError) return;
      if (event.kind == http1::Event::Kind::kNeedMore) break;
      if (event.kind == http1::Event::Kind::kEnd && used == kept.size()) break;
    }
    kept.erase(0, used);
  }
}

// Small ones are reached by small inputs.
inline http1::Limits LimitsOf(bool small) {
  return small ? http1::Limits{.head_bytes = 256, .target_bytes = 64, .fields = 6} : http1::Limits{};
}

// The events of one message as text (`said`), and the message written again.
struct Notes {
  std::string said, message, last_chunk;

  template <class Encode>
  void Head(const std::string& line, const message::FieldList& fields, Encode encode) {
    said += line + "\n" + Fields(fields);
    const std::size_t size = encode(std::span<char>(buffer()));
    Require(size > 0, "a head within the limits does not fit");
    message.assign(buffer().data(), size);
    last_chunk = http1::kLastChunk;
  }

  // Everything behind a head; true when the message is complete.
  bool Rest(const http1::Event& event, message::Body body, const message::FieldList& trailers) {
    const bool chunked = body.kind == message::Body::Kind::kChunked;
    switch (event.kind) {
      case http1::Event::Kind::kData:
        said += event.data;
        if (chunked) message += http1::EncodeChunkHead(event.data.size()).view();
        message.append(event.data).append(chunked ? http1::kChunkEnd : "");
        break;
      case http1::Event::Kind::kTrailers:
        said += "trailers " + Fields(trailers);
        last_chunk.assign(buffer().data(), http1::EncodeTrailers(trailers, buffer()));
        break;
      case http1::Event::Kind::kEnd:
        said += "end\n";
        if (chunked) message += last_chunk;
        return true;
      case http1::Event::Kind::kError: said += "error " + std::string(ToString(event.reason)); break;
      default: break;
    }
    return false;
  }

 private:
  static std::array<char, 256 * 1024>& buffer() {
    static std::array<char, 256 * 1024> bytes;
    return bytes;
  }
};

struct RequestEvents {
  http1::Limits limits;
  Notes notes;
  std::vector<std::string> written;
  int errors = 0;

  void Run(std::string_view bytes, std::size_t piece) {
    http1::RequestDecoder decoder(limits);
    message::RequestHead head;
    message::FieldList trailers;
    Feed(bytes, piece, [&](std::string_view rest) {
      const http1::Event event = decoder.Next(rest, head, trailers);
      if (event.kind == http1::Event::Kind::kHead) {
        const auto encode = [&](std::span<char> out) {
          return http1::EncodeRequestHead(head, decoder.body(), out);
        };
        notes.Head(std::string(head.method_text) + " " + std::string(head.authority) + " " +
                       std::string(head.target),
                   head.fields, encode);
      } else if (notes.Rest(event, decoder.body(), trailers)) {
        written.push_back(notes.message);
      }
      errors += event.kind == http1::Event::Kind::kError;
      return event;
    });
  }
};

struct ResponseEvents {
  http1::Limits limits;
  Notes notes;
  std::string written;
  int errors = 0;
  bool complete = false;

  void Run(message::Method method, std::string_view bytes, std::size_t piece) {
    http1::ResponseDecoder decoder(limits);
    decoder.Expect(method);
    message::ResponseHead head;
    message::FieldList trailers;
    Feed(bytes, piece, [&](std::string_view rest) {
      const http1::Event event = decoder.Next(rest, head, trailers);
      if (event.kind == http1::Event::Kind::kHead) {
        const auto encode = [&](std::span<char> out) {
          const http1::ResponseFraming framing{decoder.body(), decoder.keep_alive(),
                                               decoder.body().kind == message::Body::Kind::kNone};
          return http1::EncodeResponseHead(head, framing, out);
        };
        notes.Head(std::to_string(head.status) + " " + std::string(head.reason_phrase), head.fields, encode);
      } else if (notes.Rest(event, decoder.body(), trailers)) {
        complete = true;
        written = notes.message;
      }
      errors += event.kind == http1::Event::Kind::kError;
      return event;
    });
  }
};

}  // namespace weft::fuzz
