#include "agent/codec/http2/ends_for_tests.h"

namespace weft::http2 {
namespace {

TEST(Http2SessionTest, ARequestAndItsAnswerCrossTheWire) {
  Pair pair;
  pair.Get("/a?b=c");
  pair.Run();
  ASSERT_TRUE(pair.server.Said("request GET cart /a?b=c none x-case=Kept")) << pair.server.said.front();
  Stream& stream = *pair.server.streams.front();
  message::ResponseHead head;
  head.status = 200;
  head.fields.Add("Server", "x", FieldId::kServer);
  EXPECT_TRUE(pair.server.session.Respond(stream, head, {Body::Kind::kLength, 5}, false));
  stream.out.Append("hello");
  stream.end = true;
  pair.Run();
  EXPECT_TRUE(pair.client.Said("response 200 5 server=x content-length=5"));
  EXPECT_EQ(pair.client.bytes, 5U);
  EXPECT_EQ(pair.server.taken, 5U);
  EXPECT_TRUE(pair.client.Said("closed 0"));
  EXPECT_TRUE(pair.server.Said("closed 0"));
}

TEST(Http2SessionTest, TrailersGoBothWaysAndInterimHeadsComeFirst) {
  Pair pair;
  Stream& up = pair.Get("/", {Body::Kind::kChunked, 0});
  up.out.Append("abc");
  message::FieldList trailers;
  trailers.Add("Checksum", "1", FieldId::kOther);
  Session::AppendTrailers(up, trailers);
  up.end = true;
  pair.Run();
  EXPECT_TRUE(pair.server.Said("trailers checksum=1"));
  EXPECT_TRUE(pair.server.Said("end"));
  Stream& down = *pair.server.streams.front();
  message::ResponseHead head;
  head.status = 103;
  pair.server.session.Interim(down, head);
  head.status = 200;
  pair.server.session.Respond(down, head, {Body::Kind::kChunked, 0}, false);
  pair.Run();
  trailers.Clear();
  trailers.Add(FieldId::kGrpcStatus, "0");
  Session::AppendTrailers(down, trailers);
  down.end = true;
  pair.server.session.Resume(down);
  pair.Run();
  EXPECT_EQ(pair.client.said[0], "response 103 none");
  EXPECT_EQ(pair.client.said[1], "response 200 stream");
  EXPECT_TRUE(pair.client.Said("trailers grpc-status=0"));
}

TEST(Http2SessionTest, AStreamWhoseBytesDoNotGoOnStopsAtItsWindow) {
  Pair pair;
  pair.server.consume = false;
  Stream& stalled = pair.Get("/", {Body::Kind::kChunked, 0});
  Stream& moving = pair.Get("/", {Body::Kind::kChunked, 0});
  stalled.out.Append(std::string(300'000, 'a'));
  pair.Run();
  EXPECT_EQ(pair.server.bytes, 64U * 1024);
  pair.server.consume = true;
  for (int i = 0; i < 10; ++i) {
    moving.out.Append(std::string(50'000, 'b'));
    pair.client.session.Resume(moving);
    pair.Run();
  }
  EXPECT_EQ(pair.server.bytes, 64U * 1024 + 500'000);
  pair.server.session.Consumed(*pair.server.streams.front(), 64 * 1024);
  pair.Run();
  EXPECT_EQ(pair.server.bytes, 300'000U + 500'000);
}

TEST(Http2SessionTest, DataWaitsWhileTheSinkHasNoRoom) {
  Pair pair;
  pair.client.room = 0;
  Stream& stream = pair.Get("/", {Body::Kind::kChunked, 0});
  stream.out.Append("later");
  pair.Run();
  EXPECT_EQ(pair.server.bytes, 0U);
  EXPECT_TRUE(pair.client.session.starved());
  pair.client.room = 1 << 20;
  pair.Run();
  EXPECT_EQ(pair.server.bytes, 5U);
}

TEST(Http2SessionTest, AResetReachesTheOtherSideInBothDirections) {
  Pair pair;
  Stream& first = pair.Get();
  pair.Get();
  pair.Run();
  pair.client.session.Reset(first, ErrorCode::kCancel);
  pair.server.session.Reset(*pair.server.streams.back(), ErrorCode::kRefused);
  pair.Run();
  EXPECT_TRUE(pair.server.Said("closed 8"));
  EXPECT_TRUE(pair.client.Said("closed 7"));
}

TEST(Http2SessionTest, ARequestThatWasResetBeforeItWasSentLeavesNothing) {
  Pair pair;
  Stream& stream = pair.Get();
  pair.client.session.Reset(stream, ErrorCode::kCancel);
  pair.Run();
  EXPECT_EQ(stream.id, 0);
  EXPECT_TRUE(pair.server.said.empty());
}

TEST(Http2SessionTest, StreamsBehindAGoawayAreRefusedAndTheOthersFinish) {
  Pair pair;
  Stream& processed = pair.Get();
  pair.Run();
  pair.server.session.Goaway(ErrorCode::kNone);
  Stream& late = pair.Get();
  pair.Run();
  EXPECT_TRUE(pair.client.Said("goaway"));
  EXPECT_TRUE(pair.client.Said("closed 7"));
  EXPECT_EQ(late.id, 0);
  EXPECT_NE(processed.id, 0);
  message::ResponseHead head;
  head.status = 204;
  pair.server.session.Respond(*pair.server.streams.front(), head, {}, false);
  pair.Run();
  EXPECT_TRUE(pair.client.Said("response 204 none"));
  EXPECT_TRUE(pair.client.session.finished());
  EXPECT_TRUE(pair.server.session.finished());
}

TEST(Http2SessionTest, ARequestThatComesBeforeTheGoawayIsSentIsNoneBehindIt) {
  Pair pair;
  pair.server.session.Goaway(ErrorCode::kNone);
  Stream& late = pair.Get();
  ASSERT_TRUE(pair.server.session.Receive(pair.client.Out(), pair.now));
  ASSERT_EQ(pair.server.streams.size(), 1U) << "processed";
  pair.Run();
  EXPECT_TRUE(pair.client.Said("goaway"));
  EXPECT_NE(late.id, 0) << "refused, which says that it may be repeated";
}

TEST(Http2SessionTest, ARequestSubmittedAfterTheGoawayIsRefused) {
  Pair pair;
  pair.server.session.Goaway(ErrorCode::kNone);
  const std::string goaway = pair.server.Out();
  Stream& late = pair.Get();
  pair.client.session.Receive(goaway, pair.now);
  pair.Run();
  EXPECT_TRUE(pair.client.Said("closed 7"));
  EXPECT_EQ(late.id, 0);
}

TEST(Http2SessionTest, CrumbsOfCookiesAreJoinedAndHostMustAgree) {
  End server(Role::kServer);
  const std::string crumbs = std::string(
                                 "\x00\x06"
                                 "cookie\x03"
                                 "a=1",
                                 12) +
                             std::string(
                                 "\x00\x06"
                                 "cookie\x03"
                                 "b=2",
                                 12);
  server.session.Receive(Opening() + Frame(1, 5, 1, kGetHead + crumbs), {});
  EXPECT_TRUE(server.Said("request GET cart / none cookie=a=1; b=2")) << server.said.front();
  server.session.Receive(Frame(1, 5, 3,
                               kGetHead + std::string("\x00\x04"
                                                      "host\x05"
                                                      "other",
                                                      12)),
                         {});
  EXPECT_EQ(server.said.size(), 2U);  // with the first one's end: the second is reset
  server.session.Receive(Frame(1, 5, 5,
                               kGetHead + std::string("\x00\x04"
                                                      "host\x04"
                                                      "CART",
                                                      11)),
                         {});
  EXPECT_EQ(server.said.size(), 4U);
}

TEST(Http2SessionTest, AHeadAboveTheLimitIsRefusedAndABombEndsTheConnection) {
  Limits limits;
  limits.head_bytes = 1000;
  End server(Role::kServer, limits);
  const auto field = [](std::size_t size) {  // indexed; a value of that many bytes, at least 127
    std::string out(
        "\x40\x01"
        "a\x7f",
        4);
    for (std::size_t rest = size - 127; true; rest >>= 7) {
      out += static_cast<char>(rest >= 128 ? (rest & 127) | 128 : rest);
      if (rest < 128) break;
    }
    return out + std::string(size, 'x');
  };
  EXPECT_TRUE(server.session.Receive(Opening() + Frame(1, 5, 1, kGetHead + field(1000)), {}));
  EXPECT_TRUE(server.Said("bad head_too_large"));
  server.Out();
  EXPECT_FALSE(server.session.Receive(Frame(1, 5, 3, kGetHead + std::string(8, '\xbf')), {}));
  EXPECT_EQ(GoawayCode(server.Out()), 11);
}

struct Flood {
  const char* name;
  std::function<std::string(std::uint32_t i)> frame;
};

class Http2FloodTest : public testing::TestWithParam<Flood> {};

TEST_P(Http2FloodTest, EndsInGoawayAndLeavesNothing) {
  End server(Role::kServer);
  server.session.Receive(Opening(), {});
  bool alive = true;
  int code = -1;
  std::uint32_t sent = 0;
  for (; sent < 100'000 && alive; ++sent) {
    alive = server.session.Receive(GetParam().frame(sent), {});
    if (sent % 16 == 0 || !alive) code = std::max(code, GoawayCode(server.Out()));
  }
  EXPECT_FALSE(alive) << "still reads after " << sent;
  EXPECT_EQ(code, 11);
}

INSTANTIATE_TEST_SUITE_P(
    All, Http2FloodTest,
    testing::Values(
        Flood{"rapid_reset",
              [](std::uint32_t i) {
                return Frame(1, 4, 2 * i + 1, kGetHead) +
                       Frame(3, 0, 2 * i + 1, std::string("\0\0\0\x08", 4));
              }},
        Flood{"made_you_reset",
              [](std::uint32_t i) {
                return Frame(1, 5, 2 * i + 1, kGetHead) + Frame(8, 0, 2 * i + 1, "\x7f\xff\xff\xff");
              }},
        Flood{"settings", [](std::uint32_t) { return Frame(4, 0, 0, ""); }},
        Flood{"ping", [](std::uint32_t) { return Frame(6, 0, 0, "12345678"); }},
        Flood{"priority", [](std::uint32_t) { return Frame(2, 0, 1, std::string("\0\0\0\x03\x10", 5)); }},
        Flood{"empty_continuation",
              [](std::uint32_t i) { return i == 0 ? Frame(1, 1, 1, kGetHead) : Frame(9, 0, 1, ""); }},
        Flood{"empty_data",
              [](std::uint32_t i) {
                return i == 0 ? Frame(1, 4, 1, std::string("\x83") + kGetHead.substr(1)) : Frame(0, 0, 1, "");
              }}),
    [](const auto& test) { return test.param.name; });

TEST(Http2BudgetTest, TimeAndProgressGiveItBack) {
  Budget budget;
  TimePoint now{std::chrono::seconds(1)};
  EXPECT_TRUE(budget.Spend(Budget::kMost, now));
  EXPECT_FALSE(budget.Spend(1, now));
  budget.Earn(3);
  EXPECT_TRUE(budget.Spend(2, now));
  now += std::chrono::seconds(1);
  EXPECT_TRUE(budget.Spend(Budget::kPerSecond, now));
  EXPECT_FALSE(budget.Spend(1, now));
}

}  // namespace
}  // namespace weft::http2
