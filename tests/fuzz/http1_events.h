#pragma once
// Runs a decoder over an input cut into pieces, notes each event as text, and writes each complete message
// again.

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/codec/http1/decoder.h"
#include "agent/codec/http1/encoder.h"

namespace weft::fuzz {

inline void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

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

struct RequestEvents {
  http1::Limits limits;
  std::string said;
  std::vector<std::string> written;
  int messages = 0, errors = 0;

  void Run(std::string_view bytes, std::size_t piece) {
    http1::RequestDecoder decoder(limits);
    message::RequestHead head;
    message::FieldList trailers;
    std::string message, trailer_text;
    Feed(bytes, piece, [&](std::string_view rest) {
      const http1::Event event = decoder.Next(rest, head, trailers);
      switch (event.kind) {
        case http1::Event::Kind::kHead: {
          said += std::string(head.method_text) + " " + std::string(head.authority) + " " +
                  std::string(head.target) + "\n" + Fields(head.fields);
          static std::array<char, 256 * 1024> out;
          const std::size_t size = http1::EncodeRequestHead(head, decoder.body(), out);
          Require(size > 0, "a head within the limits does not fit");
          message.assign(out.data(), size);
          trailer_text = "0\r\n\r\n";
          break;
        }
        case http1::Event::Kind::kData:
          said += event.data;
          if (decoder.body().kind == message::Body::Kind::kChunked) {
            message.append(http1::EncodeChunkHead(event.data.size()).view())
                .append(event.data)
                .append("\r\n");
          } else {
            message += event.data;
          }
          break;
        case http1::Event::Kind::kTrailers: {
          said += "trailers " + Fields(trailers);
          static std::array<char, 256 * 1024> out;
          trailer_text.assign(out.data(), http1::EncodeTrailers(trailers, out));
          break;
        }
        case http1::Event::Kind::kEnd:
          said += "end\n";
          ++messages;
          if (decoder.body().kind == message::Body::Kind::kChunked) message += trailer_text;
          if (head.method_text.size() > 0) written.push_back(message);
          break;
        case http1::Event::Kind::kError:
          said += "error " + std::string(ToString(event.reason));
          ++errors;
          break;
        case http1::Event::Kind::kNeedMore: break;
      }
      return event;
    });
  }
};

struct ResponseEvents {
  http1::Limits limits;
  std::string said, written;
  int errors = 0;
  bool complete = false;

  void Run(message::Method method, std::string_view bytes, std::size_t piece) {
    http1::ResponseDecoder decoder(limits);
    decoder.Expect(method);
    message::ResponseHead head;
    message::FieldList trailers;
    std::string message, trailer_text = "0\r\n\r\n";
    Feed(bytes, piece, [&](std::string_view rest) {
      const http1::Event event = decoder.Next(rest, head, trailers);
      switch (event.kind) {
        case http1::Event::Kind::kHead: {
          said += std::to_string(head.status) + " " + std::string(head.reason_phrase) + "\n" +
                  Fields(head.fields);
          if (decoder.interim()) break;
          static std::array<char, 256 * 1024> out;
          const http1::ResponseFraming framing{decoder.body(), decoder.keep_alive(),
                                               decoder.body().kind == message::Body::Kind::kNone};
          const std::size_t size = http1::EncodeResponseHead(head, framing, out);
          Require(size > 0, "a head within the limits does not fit");
          message.assign(out.data(), size);
          break;
        }
        case http1::Event::Kind::kData:
          said += event.data;
          if (decoder.body().kind == message::Body::Kind::kChunked) {
            message.append(http1::EncodeChunkHead(event.data.size()).view())
                .append(event.data)
                .append("\r\n");
          } else {
            message += event.data;
          }
          break;
        case http1::Event::Kind::kTrailers: {
          said += "trailers " + Fields(trailers);
          static std::array<char, 256 * 1024> out;
          trailer_text.assign(out.data(), http1::EncodeTrailers(trailers, out));
          break;
        }
        case http1::Event::Kind::kEnd:
          said += "end\n";
          complete = true;
          if (decoder.body().kind == message::Body::Kind::kChunked) message += trailer_text;
          written = message;
          break;
        case http1::Event::Kind::kError:
          said += "error";
          ++errors;
          break;
        case http1::Event::Kind::kNeedMore: break;
      }
      return event;
    });
  }
};

}  // namespace weft::fuzz
