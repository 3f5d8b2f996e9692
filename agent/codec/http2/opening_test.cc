#include "agent/codec/http2/opening.h"

#include "agent/codec/http2/ends_for_tests.h"

namespace weft::http2 {
namespace {

const std::string kHello = Opening();
const std::string kWindow = Frame(8, 0, 0, std::string("\0\0\0\1", 4));
constexpr std::uint8_t kHeaders = 1, kContinuation = 9, kEndHeaders = 4;

TEST(Http2OpeningTest, WhatComesBeforeARequestNeedsNoSession) {
  for (std::size_t size = 0; size < kHello.size(); ++size) {
    const Heard part = Hear(kHello.substr(0, size));
    EXPECT_TRUE(part.waits && !part.settings && part.partial == (size != kPreface.size())) << size;
  }
  const Heard idle = Hear(kHello + kWindow + Frame(4, 1, 0, ""));
  EXPECT_TRUE(idle.waits && idle.settings && !idle.partial);
  const std::string begun = Frame(kHeaders, 1, 1, "\x82") + Frame(kContinuation, 0, 1, "\x86");
  const Heard head = Hear(kHello + begun + Frame(kContinuation, kEndHeaders, 1, "\x84").substr(0, 9));
  EXPECT_TRUE(head.waits && head.settings && head.partial);
}

TEST(Http2OpeningTest, WhatHasToBeAnsweredOrJudgedDoes) {
  EXPECT_FALSE(Hear("GET / HTTP/1.1\r\n").waits);
  EXPECT_FALSE(Hear(kHello + Frame(kHeaders, kEndHeaders, 1, "\x82")).waits);
  EXPECT_FALSE(Hear(std::string(kPreface) + Frame(kHeaders, 0, 1, "\x82")).waits);  // SETTINGS come first
  EXPECT_FALSE(Hear(kHello + Frame(kContinuation, 0, 1, "\x82")).waits);
  EXPECT_FALSE(Hear(kHello + Frame(kHeaders, 0, 1, "\x82") + kWindow).waits);
  EXPECT_FALSE(Hear(kHello + Frame(6, 0, 0, "12345678")).waits);
  EXPECT_FALSE(Hear(kHello + Frame(4, 0, 0, "")).waits);
  EXPECT_FALSE(Hear(kHello + Frame(4, 1, 0, "123456")).waits);  // an acknowledgement says nothing
  EXPECT_FALSE(Hear(std::string(kPreface) + Frame(4, 0, 0, "12345")).waits);
  EXPECT_FALSE(Hear(kHello + Frame(8, 0, 0, std::string(4, '\0'))).waits);
  EXPECT_FALSE(Hear(kHello + Frame(8, 0, 0, "123")).waits);
  const std::string most = Frame(8, 0, 0, "\x7F\xFF\xFF\xFF");
  EXPECT_FALSE(Hear(kHello + most).waits);
  EXPECT_TRUE(Hear(kHello + most.substr(0, most.size() - 1)).waits);
  std::string flood = kHello;
  for (int i = 0; i < 30; ++i) flood += kWindow;
  EXPECT_FALSE(Hear(flood).waits);
  EXPECT_FALSE(Hear(kHello + Frame(kHeaders, 0, 1, "\x82") + std::string(2048, 'x')).waits);
}

TEST(Http2OpeningTest, FramesAreAsTheRfcHasThem) {
  Limits limits;
  limits.streams = 256;
  limits.head_bytes = 65536;
  const std::string settings("\0\3\0\0\1\0\0\4\0\1\0\0\0\6\0\1\0\0\0\x8\0\0\0\1", 24);
  EXPECT_EQ(FirstFrames(limits), Frame(4, 0, 0, settings) + Frame(8, 0, 0, std::string("\0\xF\0\1", 4)));
  limits.connection_window = 65535;
  EXPECT_EQ(FirstFrames(limits), Frame(4, 0, 0, settings));
  EXPECT_EQ(SettingsAck(), Frame(4, 1, 0, ""));
  EXPECT_EQ(GoawayFrame(ErrorCode::kEnhanceYourCalm), Frame(7, 0, 0, std::string("\0\0\0\0\0\0\0\xB", 8)));
}

// The first frames go out before there is a session; it does not repeat them.
TEST(Http2OpeningTest, ARequestByteByByteIsTheSame) {
  End server(Role::kServer);
  std::string sent = server.Out();
  for (const char each : kHello + Frame(1, 5, 1, kGetHead)) {
    EXPECT_TRUE(server.session.Receive({&each, 1}, TimePoint{}));
    sent += server.Out();
  }
  EXPECT_EQ(server.said, (std::vector<std::string>{"request GET cart / none", "end"}));
  EXPECT_FALSE(server.session.in_head());
  EXPECT_TRUE(sent.starts_with(Frame(4, 0, 0, sent.substr(9, 24)) + Frame(8, 0, 0, sent.substr(42, 4))));
  EXPECT_EQ(sent.substr(46), Frame(4, 1, 0, ""));
  EXPECT_FALSE(server.session.finished());
  server.session.Terminate(ErrorCode::kNone);
}

TEST(Http2OpeningTest, AHeadThatNeverEndsIsEndedWithoutASession) {
  End server(Role::kServer);
  EXPECT_TRUE(server.session.Receive(kHello + Frame(1, 1, 1, "\x82"), TimePoint{}));
  EXPECT_TRUE(server.session.in_head());
  server.session.Terminate(ErrorCode::kEnhanceYourCalm);
  EXPECT_TRUE(server.Out().ends_with(Frame(7, 0, 0, std::string("\0\0\0\0\0\0\0\x0b", 8))));
  EXPECT_TRUE(server.session.finished());
  EXPECT_FALSE(server.session.Receive(Frame(9, 4, 1, "\x86"), TimePoint{}));
}

}  // namespace
}  // namespace weft::http2
