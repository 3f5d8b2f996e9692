#include "common/log/log.h"

#include <gtest/gtest.h>

namespace weft::log {
namespace {

TEST(LogTest, TextQuotesWhatIsNoPlainWord) {
  EXPECT_EQ(Render(Format::kText, Level::kInfo, "T", "ready", {{"port", 80}, {"name", "a b"}, {"ok", true}}),
            "T info ready port=80 name=\"a b\" ok=true");
}

TEST(LogTest, JsonEscapesWhatAnAttackerMaySend) {
  EXPECT_EQ(Render(Format::kJson, Level::kError, "T", "a\"b", {{"path", "x\ny\x01"}}),
            R"({"time":"T","level":"error","message":"a\"b","path":"x\ny\u0001"})");
}

TEST(LogTest, SecretsAreNeverWritten) {
  const std::string line =
      Render(Format::kJson, Level::kInfo, "T", "m", {{"Authorization", "Bearer x"}, {"apiToken", "x"}});
  EXPECT_EQ(line.find("x\""), std::string::npos);
  EXPECT_NE(line.find("***"), std::string::npos);
}

TEST(LogTest, LevelsAndFormatsAreNamedInTheError) {
  EXPECT_EQ(*ParseLevel("warn"), Level::kWarn);
  EXPECT_EQ(*ParseFormat("json"), Format::kJson);
  EXPECT_NE(ParseLevel("loud").error().detail.find("debug, info"), std::string::npos);
  EXPECT_FALSE(ParseFormat("xml"));
}

TEST(LimiterTest, SaysHowManyLinesItHeldBack) {
  Limiter limiter(2);
  EXPECT_EQ(limiter.Pass(0), 1U);
  EXPECT_EQ(limiter.Pass(1), 1U);
  EXPECT_EQ(limiter.Pass(2), 0U);
  EXPECT_EQ(limiter.Pass(3), 0U);
  EXPECT_EQ(limiter.Pass(1'000'000'000), 3U);
}

}  // namespace
}  // namespace weft::log
