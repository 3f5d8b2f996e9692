#include "agent/codec/http1/decoder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/codec/http1/encoder.h"
#include "tests/support/effort.h"

namespace weft::http1 {
namespace {

// What a decoder says of a whole input, as text, however the input is cut into pieces.
std::string DecodeRequests(std::string_view input, std::size_t piece, Limits limits = {}) {
  RequestDecoder decoder(limits);
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
  for (const char* body : {"0x5\r\nhello\r\n",
                           " 5\r\nhello\r\n",
                           "5 \r\nhello\r\n",
                           "+5\r\nhello\r\n",
                           "5\nhello\r\n",
                           "\r\n",
                           "5\r\nhelloX\r\n",
                           "fffffffffffffffff\r\n",
                           "0\r\nContent-Length: 3\r\n\r\n",
                           "0\r\nHost: y\r\n\r\n",
                           "0\r\nA : b\r\n\r\n",
                           "g\r\n",
                           "5;\r\nhello\r\n",
                           "5;a=\r\nhello\r\n",
                           "5;a=\"b\r\nhello\r\n",
                           "5;a=\"b\"c\r\nhello\r\n",
                           "5;a=\"b\\\"\r\nhello\r\n",
                           "5 ;a\r\nhello\r\n",
                           "5;a\rb\r\nhello\r\n",
                           "5;a;\r\nhello\r\n"}) {
    const std::string said = DecodeRequests(head + body, 1);
    EXPECT_NE(said.find("error bad_request"), std::string::npos) << body << " gave " << said;
    EXPECT_NE(DecodeRequests(head + body, 4096).find("error bad_request"), std::string::npos) << body;
  }
}

TEST(RequestDecoderTest, ReadsExtensionsByTheirGrammar) {
  ExpectRequests(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;a;b=c;d=\"e;\\\" f\"\r\nhello\r\n0;g\r\n\r\n",
      "POST x /\nTransfer-Encoding=chunked\nhelloend\n");
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

TEST(RequestDecoderTest, HoldsItsLimitsHoweverTheBytesArrive) {
  const Limits limits{.head_bytes = 256, .target_bytes = 64, .fields = 8};
  const std::string host = " HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& input :
       {"GET /" + std::string(63, 'a') + host + "\r\n", "GET /" + std::string(64, 'a') + host + "\r\n",
        "GET /" + std::string(200, 'a') + host + "A: b\n", "GET /" + std::string(300, 'a') + host + "\r\n",
        "GET /" + host + "A: " + std::string(300, 'a') + "\n",
        "GET /" + host + "A: " + std::string(219, 'a') + "\r\n\r\n",
        "GET /" + host + "A: " + std::string(220, 'a') + "\r\n\r\n"}) {
    const std::string whole = DecodeRequests(input, input.size(), limits);
    for (std::size_t piece = 1; piece < 80; ++piece)
      EXPECT_EQ(DecodeRequests(input, piece, limits), whole) << input;
  }
}

TEST(RequestDecoderTest, ReadsAHostAsOneHostAndAtMostOnePort) {
  for (const char* good : {"x", "x:", "x:80", "[::1]:80", "[fe80::1]", "a_b.c-d:65535", ""}) {
    const std::string said =
        DecodeRequests("GET / HTTP/1.1\r\nHost: " + std::string(good) + "\r\n\r\n", 4096);
    EXPECT_EQ(said, "GET " + std::string(good) + " /\nend\n");
  }
  for (const char* bad : {"x:80:90", "x:65536", "x:8a", ":80", "[::1", "[::1]x", "[]", "a]b", "a@b", "a,b",
                          "a b", "[::1]:x", "x:-1", "a/b", "a\\b"}) {
    const std::string said = DecodeRequests("GET / HTTP/1.1\r\nHost: " + std::string(bad) + "\r\n\r\n", 4096);
    EXPECT_EQ(said, "error bad_request") << bad;
  }
}

TEST(RequestDecoderTest, CloseWinsOverKeepAliveWhereverItStands) {
  for (const char* fields :
       {"Connection: close\r\nConnection: keep-alive\r\n", "Connection: keep-alive\r\nConnection: Close\r\n",
        "Connection: keep-alive, close\r\n"}) {
    RequestDecoder decoder;
    message::RequestHead head;
    message::FieldList trailers;
    decoder.Next("GET / HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n", head, trailers);
    EXPECT_FALSE(decoder.keep_alive()) << fields;
  }
}

TEST(RequestDecoderTest, AClientCannotNameAwayWhatTheMeshAddsLater) {
  RequestDecoder decoder;
  message::RequestHead head;
  message::FieldList trailers;
  decoder.Next(
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: X-Forwarded-For, x-a, content-length\r\nX-A: "
      "1\r\nX-Forwarded-For: 9\r\nB: 2\r\n\r\n",
      head, trailers);
  ASSERT_EQ(head.fields.size(), 2U);  // Connection and B
  head.fields.Add(message::FieldId::kXForwardedFor, "10.0.0.1");
  std::array<char, 256> out;
  const std::size_t size = EncodeRequestHead(head, decoder.body(), out);
  EXPECT_EQ(std::string_view(out.data(), size),
            "GET / HTTP/1.1\r\nhost: x\r\nB: 2\r\nx-forwarded-for: 10.0.0.1\r\n\r\n");
}

TEST(RequestDecoderTest, FindsAControlCharacterWhereverItStandsInAValueOrTarget) {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const bool in_value = c == '\t' || (c >= 0x20 && c != 0x7f), in_target = c > 0x20 && c < 0x7f && c != '#';
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text = "x" + std::string(20, 'v') + "x";
      text[at + 1] = byte;
      const std::string value =
          DecodeRequests("GET / HTTP/1.1\r\nHost: h\r\nA: " + text + "\r\nB: c\r\n\r\n", 4096);
      EXPECT_EQ(value == "GET h /\nA=" + text + "\nB=c\nend\n", in_value) << c << " at " << at;
      const std::string target = DecodeRequests("GET /" + text + " HTTP/1.1\r\nHost: h\r\n\r\n", 4096);
      EXPECT_EQ(target == "GET h /" + text + "\nend\n", in_target) << c << " at " << at;
    }
  }
}

// A head that comes whole is read in one pass, one that comes in pieces in two.
class Pieces {
 public:
  std::string Next(std::string text, const std::vector<std::string>& pieces, int count) {
    for (int i = 0; i < count; ++i) text += pieces[Draw() % pieces.size()];
    return text;
  }
  std::size_t Draw() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return state_ >> 33;
  }

 private:
  std::uint64_t state_ = 1;
};

TEST(RequestDecoderTest, SaysTheSameOfAHeadInOnePieceAndInMany) {
  const std::vector<std::string> lines = {"Host: x\r\n", "A: b\r\n",
                                          "C:d \r\n",    "Content-Length: 2\r\n",
                                          "\r\n",        "\r\n",
                                          "\n",          "\r",
                                          " ",           ":",
                                          "ee",          "F: \x01",
                                          "GET / HTTP/", "Transfer-Encoding: chunked\r\n"};
  Pieces pieces;
  std::size_t good = 0;
  for (int round = 0; round < support::Steps(10'000); ++round) {
    const std::string bytes = pieces.Next(round % 8 == 0   ? "GET"
                                          : round % 2 == 0 ? "GET / HTTP/1.1\r\n"
                                                           : "GET / HTTP/1.1\r\nHost: x\r\n",
                                          lines, round % 7);
    const Limits limits{.head_bytes = 16 + pieces.Draw() % 80,
                        .target_bytes = pieces.Draw() % 3,
                        .fields = 1 + pieces.Draw() % 4};
    const std::string whole = DecodeRequests(bytes, bytes.size(), limits);
    good += whole.starts_with("GET x");
    for (const std::size_t piece : {1, 2, 5}) {
      ASSERT_EQ(DecodeRequests(bytes, piece, limits), whole) << bytes << " in pieces of " << piece;
    }
  }
  EXPECT_GT(good, support::Steps(100U));
}

TEST(ResponseDecoderTest, SaysTheSameOfAHeadInOnePieceAndInMany) {
  const std::vector<std::string> lines = {
      "A: b\r\n", "C:d \r\n", "Content-Length: 0\r\n", "\r\n", "\r\n", "\n", "\r", " ", ":", "ee", "F: \x01"};
  Pieces pieces;
  std::size_t good = 0;
  for (int round = 0; round < support::Steps(10'000); ++round) {
    const std::string bytes =
        pieces.Next(round % 8 == 0 ? "HTTP/1.1 2" : "HTTP/1.1 200 OK\r\n", lines, round % 7);
    const Limits limits{.head_bytes = 16 + pieces.Draw() % 80, .fields = 1 + pieces.Draw() % 4};
    const auto say = [&](std::size_t piece) {
      ResponseDecoder decoder(limits);
      message::ResponseHead head;
      message::FieldList trailers;
      decoder.Expect(message::Method::kGet);
      for (std::size_t end = std::min(piece, bytes.size());; end = std::min(end + piece, bytes.size())) {
        const Event event = decoder.Next(std::string_view(bytes).substr(0, end), head, trailers);
        if (event.kind == Event::Kind::kError) return "error " + std::string(ToString(event.reason));
        if (event.kind == Event::Kind::kHead)
          return std::to_string(event.consumed) + " " + std::to_string(head.fields.size());
        if (end == bytes.size()) return std::string("more");
      }
    };
    const std::string whole = say(bytes.size());
    good += whole[0] <= '9';
    for (const std::size_t piece : {1, 2, 5}) {
      ASSERT_EQ(say(piece), whole) << bytes << " in pieces of " << piece;
    }
  }
  EXPECT_GT(good, support::Steps(100U));
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

TEST(ResponseDecoderTest, InterimHeadsWithoutEndAreRefused) {
  ResponseDecoder decoder({.head_bytes = 200, .target_bytes = 100, .fields = 10});
  message::ResponseHead head;
  message::FieldList trailers;
  for (int request = 0; request < 2; ++request) {  // each has its own allowance
    decoder.Expect(message::Method::kPost);
    for (int i = 0; i < 8; ++i)
      EXPECT_EQ(decoder.Next("HTTP/1.1 100 Continue\r\n\r\n", head, trailers).kind, Event::Kind::kHead);
  }
  EXPECT_EQ(decoder.Next("HTTP/1.1 100 Continue\r\n\r\n", head, trailers).reason,
            Reason::kUpstreamHeadTooLarge);
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

TEST(ResponseDecoderTest, A101IsAnAnswerOnlyToARequestForAnotherProtocolAndNamesIt) {
  const std::string with = "HTTP/1.1 101 X\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\nbytes";
  ResponseDecoder decoder;
  message::ResponseHead head;
  message::FieldList trailers;
  decoder.Expect(message::Method::kGet);
  EXPECT_EQ(decoder.Next(with, head, trailers).kind, Event::Kind::kError);
  decoder.Expect(message::Method::kGet);
  decoder.ExpectUpgrade();
  const Event event = decoder.Next(with, head, trailers);
  EXPECT_EQ(event.kind, Event::Kind::kHead);
  EXPECT_EQ(event.consumed, with.size() - 5);
  EXPECT_TRUE(decoder.switched() && !decoder.interim());
  EXPECT_EQ(decoder.Next("bytes", head, trailers).kind, Event::Kind::kNeedMore);
  decoder.Expect(message::Method::kGet);
  decoder.ExpectUpgrade();
  EXPECT_EQ(decoder.Next("HTTP/1.1 101 X\r\n\r\n", head, trailers).kind, Event::Kind::kError);
  decoder.Expect(message::Method::kGet);
  EXPECT_EQ(decoder.Next(with, head, trailers).kind, Event::Kind::kError) << "the next request asks anew";
}

TEST(EncoderTest, ARequestForAnotherProtocolAndItsAnswerKeepUpgradeAndNameIt) {
  RequestDecoder decoder;
  message::RequestHead head;
  message::FieldList trailers;
  decoder.Next("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, X\r\nX: 1\r\nUpgrade: a\r\n\r\n", head,
               trailers);
  EXPECT_TRUE(head.upgrade);
  std::array<char, 512> out;
  std::size_t size = EncodeRequestHead(head, decoder.body(), out);
  EXPECT_EQ(std::string_view(out.data(), size),
            "GET / HTTP/1.1\r\nhost: x\r\nUpgrade: a\r\nconnection: upgrade\r\n\r\n");
  message::ResponseHead answer;
  answer.status = 101;
  answer.fields.Add(message::FieldId::kUpgrade, "a");
  size = EncodeResponseHead(answer, {.body = {}, .keep_alive = false}, out);
  EXPECT_EQ(std::string_view(out.data(), size),
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: a\r\nconnection: upgrade\r\n\r\n");
  decoder = RequestDecoder();
  decoder.Next("GET / HTTP/1.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: a\r\n\r\n", head, trailers);
  EXPECT_FALSE(head.upgrade) << "RFC 9110 7.8: HTTP/1.0 cannot ask";
}

TEST(EncoderTest, LeavesHopByHopFieldsOutAndWritesFramingAnew) {
  RequestDecoder decoder;
  message::RequestHead head;
  message::FieldList trailers;
  decoder.Next(
      "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nTE: "
      "gzip\r\n"
      "Upgrade: h2c\r\nContent-Length: 03\r\nB: c\r\n\r\n",
      head, trailers);
  std::array<char, 512> out;
  const std::size_t size = EncodeRequestHead(head, decoder.body(), out);
  EXPECT_EQ(std::string_view(out.data(), size),
            "POST /a HTTP/1.1\r\nhost: x\r\nB: c\r\ncontent-length: 3\r\n\r\n");
  EXPECT_EQ(EncodeRequestHead(head, decoder.body(), std::span<char>(out.data(), 20)), 0U);
}

TEST(EncoderTest, ALengthThatCameAsWeWriteThemGoesOnWithItsNeighbours) {
  RequestDecoder decoder;
  message::RequestHead head;
  message::FieldList trailers;
  const auto again = [&](const std::string& fields) {
    decoder = RequestDecoder();
    const std::string request = "POST / HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
    decoder.Next(request, head, trailers);
    std::string out(512, '\0');
    out.resize(EncodeRequestHead(head, decoder.body(), out));
    return out.substr(out.find("x\r\n") + 3);
  };
  EXPECT_EQ(again("A: b\r\nContent-Length: 3\r\nC: d\r\n"), "A: b\r\nContent-Length: 3\r\nC: d\r\n\r\n");
  EXPECT_EQ(again("Content-Length: 0\r\n"), "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(again("Content-Length:3\r\n"), "content-length: 3\r\n\r\n");
  EXPECT_EQ(again("Content-Length: 00\r\nA: b\r\n"), "A: b\r\ncontent-length: 0\r\n\r\n");
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
