#include "agent/detect/detect.h"

#include <string>

#include <gtest/gtest.h>

namespace weft::detect {
namespace {

TEST(DetectTest, KnowsWhatTheFirstBytesBegin) {
  EXPECT_EQ(Detect("GET / HTTP/1.1\r\n"), Looks::kHttp1);
  EXPECT_EQ(Detect("\r\nPOST /"), Looks::kHttp1);
  EXPECT_EQ(Detect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Looks::kHttp2);
  EXPECT_EQ(Detect(std::string("\x16\x03\x01\x02\x00\x01\x00", 7)), Looks::kTls);
  EXPECT_EQ(Detect("GET HTTP://cart/"), Looks::kHttp1);
  EXPECT_EQ(Detect("CONNECT "), Looks::kHttp1);
  EXPECT_EQ(Detect("OPTIONS *"), Looks::kHttp1);
  EXPECT_EQ(Detect("SET key value\r\n"), Looks::kOther);
  EXPECT_EQ(Detect("GET key\r\n"), Looks::kOther);
  EXPECT_EQ(Detect("SSH-2.0-OpenSSH"), Looks::kOther);
  EXPECT_EQ(Detect(std::string("\x00\x01", 2)), Looks::kOther);
  EXPECT_EQ(Detect("*1\r\n$4\r\nPING"), Looks::kOther);
  EXPECT_EQ(Detect("get / HTTP/1.1"), Looks::kOther);
}

TEST(DetectTest, WaitsWhileAPrefixCouldStillBecomeSomething) {
  for (const char* text : {"", "G", "GET", "GET ", "GET ht", "PRI * HT", "\r", "\r\n", "\x16", "\x16\x03"}) {
    EXPECT_EQ(Detect(text), Looks::kMore) << text;
  }
}

TEST(DetectTest, DoesNotWaitForeverForAMethod) { EXPECT_EQ(Detect(std::string(21, 'A')), Looks::kOther); }

}  // namespace
}  // namespace weft::detect
