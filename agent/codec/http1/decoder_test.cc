#include "agent/codec/http1/decoder.h"

#include <string>

#include <gtest/gtest.h>

#include "agent/codec/http1/encoder.h"

namespace weft::http1 {
namespace {

// What a decoder says of a whole input, as text, however the input is cut into pieces.
std::string DecodeRequests(std::string_view input, std::size_t piece) {
  RequestDecoder decoder;
  message::RequestHead head;
  message::FieldList trailers;
  std::string kept, said;
  for (std::size_t at = 0; at < input.size() || !kept.empty();) {
    kept += input.substr(at, piece);
    at += piece;
    std::size_t used = 0;
    while (true) {
      const Event event = decoder.Next(std::string_view(kept).substr(used), head, trailers);
      used += event.consumed;
      if (event.kind == Event::Kind::kNeedMore) break;
      if (event.kind == Event::Kind::kError) return said + "error " + std::string(ToString(event.reason));
      if (event.kind == Event::Kind::kHead) {
        said += std::string(head.method_text) + " " + std::string(head.authority) + " " +
                std::string(head.target) + "\n";
        for (const message::Field& f : head.fields)
          said += std::string(f.name) + "=" + std::string(f.value) + "\n";
      }
      if (event.kind == Event::Kind::kData) said += event.data;
      if (event.kind == Event::Kind::kTrailers) {
        for (const message::Field& f : trailers)
          said += "trailer " + std::string(f.name) + "=" + std::string(f.value) + "\n";
      }
      if (event.kind == Event::Kind::kEnd) {
        said += "end\n";
        if (used == kept.size()) break;
      }
    }
    kept.erase(0, used);
    if (at >= input.size()) return said + (kept.empty() ? "" : "left");
  }
  return said;
}

void ExpectRequests(std::string_view input, const std::string& said) {
  for (const std::size_t piece : {input.size(), std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
    EXPECT_EQ(DecodeRequests(input, piece), said) << "in pieces of " << piece << ": " << input;
  }
}

TEST(RequestDecoderTest, ReadsPipelinedRequestsHoweverTheyAreCut) {
  ExpectRequests(
      "GET /a?b=c HTTP/1.1\r\nHost: x\r\nA:  b \r\n\r\nPOST / HTTP/1.1\r\nHost: y\r\nContent-Length: "
      "5\r\n\r\nhelloGET / "
      "HTTP/1.1\r\nHost: z\r\n\r\n",
      "GET x /a?b=c\nA=b\nend\nPOST y /\nContent-Length=5\nhelloend\nGET z /\nend\n");
}

TEST(RequestDecoderTest, ReadsChunksExtensionsAndTrailers) {
  ExpectRequests(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n00\r\nX-Sum: "
      "1\r\n\r\n",
      "POST x /\nTransfer-Encoding=Chunked\nhellotrailer X-Sum=1\nend\n");
}

TEST(RequestDecoderTest, TakesTheAuthorityOfAnAbsoluteTarget) {
  ExpectRequests("GET http://cart.default:80/x HTTP/1.1\r\nHost: other\r\n\r\n",
                 "GET cart.default:80 /x\nend\n");
}

TEST(RequestDecoderTest, SkipsOneEmptyLineBeforeARequest) {
  ExpectRequests("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET x /\nend\n");
}

TEST(RequestDecoderTest, RefusesASecondEmptyLineHoweverItArrives) {
  ExpectRequests("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "error bad_request");
}

TEST(RequestDecoderTest, RefusesWhatTwoParsersCouldReadDifferently) {
  const std::string start = "POST / HTTP/1.1\r\nHost: x\r\n";
  const std::pair<std::string, const char*> cases[] = {
      {start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "bad_request"},
      {start + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "bad_request"},
      {start + "Content-Length: 5, 5\r\n\r\n", "bad_request"},
      {start + "Content-Length: +5\r\n\r\n", "bad_request"},
      {start + "Content-Length: 0x5\r\n\r\n", "bad_request"},
      {start + "Content-Length: 99999999999999999999\r\n\r\n", "bad_request"},
      {start + "Transfer-Encoding: xchunked\r\n\r\n", "not_implemented"},
      {start + "Transfer-Encoding: chunked, identity\r\n\r\n", "not_implemented"},
      {start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "not_implemented"},
      {start + "Transfer-Encoding : chunked\r\n\r\n", "bad_request"},
      {start + " folded: x\r\n\r\n", "bad_request"},
      {start + "A: b\r\n c\r\n\r\n", "bad_request"},
      {start + "A: b\nC: d\r\n\r\n", "bad_request"},
      {start + "A: b\rc\r\n\r\n", "bad_request"},
      {start + std::string("A: b\0c\r\n\r\n", 10), "bad_request"},
      {start + "Host: y\r\n\r\n", "bad_request"},
      {start + ": b\r\n\r\n", "bad_request"},
      {start + "A b\r\n\r\n", "bad_request"},
      {"GET / HTTP/1.1\r\n\r\n", "bad_request"},
      {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"},
      {"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", "bad_request"},
      {"GET /#f HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"},
      {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"},
      {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "version_not_supported"},
      {"GET / http/1.1\r\nHost: x\r\n\r\n", "bad_request"},
      {"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", "bad_request"},
      {"GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n", "expectation_failed"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "bad_request"},
  };
  for (const auto& [input, reason] : cases) ExpectRequests(input, std::string("error ") + reason);
}

TEST(RequestDecoderTest, RefusesChunksThatCouldBeReadDifferently) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* body :
       {"0x5\r\nhello\r\n", " 5\r\nhello\r\n", "5 \r\nhello\r\n", "+5\r\nhello\r\n", "5\nhello\r\n", "\r\n",
        "5\r\nhelloX\r\n", "fffffffffffffffff\r\n", "0\r\nContent-Length: 3\r\n\r\n", "0\r\nHost: y\r\n\r\n",
        "0\r\nA : b\r\n\r\n", "g\r\n"}) {
    const std::string said = DecodeRequests(head + body, 1);
    EXPECT_NE(said.find("error bad_request"), std::string::npos) << body << " gave " << said;
    EXPECT_NE(DecodeRequests(head + body, 4096).find("error bad_request"), std::string::npos) << body;
  }
}

TEST(RequestDecoderTest, HoldsItsLimits) {
  EXPECT_EQ(DecodeRequests("GET /" + std::string(40'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 4096),
            "error uri_too_long");
  EXPECT_EQ(DecodeRequests("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(70'000, 'a') + "\r\n\r\n", 4096),
            "error head_too_large");
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 130; ++i) many += "A: b\r\n";
  EXPECT_EQ(DecodeRequests(many + "\r\n", 100'000), "error head_too_large");
}

TEST(ResponseDecoderTest, KnowsWhereEachKindOfBodyEnds) {
  struct Case {
    message::Method method;
    const char* bytes;
    message::Body::Kind kind;
  };
  using message::Body;
  using message::Method;
  for (const Case& c :
       {Case{Method::kGet, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Body::Kind::kLength},
        Case{Method::kHead, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Body::Kind::kNone},
        Case{Method::kGet, "HTTP/1.1 204 No Content\r\n\r\n", Body::Kind::kNone},
        Case{Method::kGet, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Body::Kind::kNone},
        Case{Method::kGet, "HTTP/1.1 200\r\n\r\n", Body::Kind::kUntilClose},
        Case{Method::kGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Body::Kind::kChunked}}) {
    ResponseDecoder decoder;
    message::ResponseHead head;
    message::FieldList trailers;
    decoder.Expect(c.method);
    ASSERT_EQ(decoder.Next(c.bytes, head, trailers).kind, Event::Kind::kHead) << c.bytes;
    EXPECT_EQ(decoder.body().kind, c.kind) << c.bytes;
  }
}

TEST(ResponseDecoderTest, AnInterimHeadIsFollowedByTheFinalOne) {
  ResponseDecoder decoder;
  message::ResponseHead head;
  message::FieldList trailers;
  decoder.Expect(message::Method::kPost);
  std::string_view bytes =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\n\r\n";
  const Event interim = decoder.Next(bytes, head, trailers);
  EXPECT_TRUE(decoder.interim());
  EXPECT_EQ(decoder.Next(bytes.substr(interim.consumed), head, trailers).kind, Event::Kind::kHead);
  EXPECT_FALSE(decoder.interim());
  EXPECT_EQ(decoder.keep_alive_seconds(), 5U);
}

TEST(ResponseDecoderTest, RefusesWhatIsNotHttp) {
  for (const char* bytes :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\nA: b\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n"}) {
    ResponseDecoder decoder;
    message::ResponseHead head;
    message::FieldList trailers;
    decoder.Expect(message::Method::kGet);
    const Event event = decoder.Next(bytes, head, trailers);
    EXPECT_EQ(event.kind, Event::Kind::kError) << bytes;
    EXPECT_EQ(event.reason, Reason::kUpstreamMalformed) << bytes;
  }
}

TEST(ResponseDecoderTest, TellsAResetFromATruncation) {
  ResponseDecoder decoder;
  message::ResponseHead head;
  message::FieldList trailers;
  decoder.Expect(message::Method::kGet);
  EXPECT_EQ(decoder.OnEof().reason, Reason::kUpstreamReset);
  decoder.Expect(message::Method::kGet);
  decoder.Next("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", head, trailers);
  EXPECT_EQ(decoder.OnEof().reason, Reason::kUpstreamTruncated);
}

TEST(EncoderTest, LeavesHopByHopFieldsOutAndWritesFramingAnew) {
  RequestDecoder decoder;
  message::RequestHead head;
  message::FieldList trailers;
  decoder.Next(
      "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nTE: "
      "gzip\r\n"
      "Upgrade: h2c\r\nContent-Length: 3\r\nB: c\r\n\r\n",
      head, trailers);
  std::array<char, 512> out;
  const std::size_t size = EncodeRequestHead(head, decoder.body(), out);
  EXPECT_EQ(std::string_view(out.data(), size),
            "POST /a HTTP/1.1\r\nhost: x\r\nB: c\r\ncontent-length: 3\r\n\r\n");
  EXPECT_EQ(EncodeRequestHead(head, decoder.body(), std::span<char>(out.data(), 20)), 0U);
}

TEST(EncoderTest, AnAnswerToHeadKeepsItsLength) {
  message::ResponseHead head;
  head.status = 200;
  head.fields.Add(message::FieldId::kContentLength, "7");
  std::array<char, 256> out;
  const std::size_t size =
      EncodeResponseHead(head, {.body = {}, .keep_alive = true, .keep_length = true}, out);
  EXPECT_EQ(std::string_view(out.data(), size), "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n");
}

}  // namespace
}  // namespace weft::http1
