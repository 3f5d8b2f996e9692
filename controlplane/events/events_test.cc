#include "controlplane/events/events.h"

#include <gtest/gtest.h>

namespace weft::events {
namespace {

struct EventsTest : testing::Test {
  WallTime now{std::chrono::seconds(1000)};
  Book book{[this] { return now; }};
};

TEST_F(EventsTest, WhatRepeatsIsOneEntryThatBecomesTheNewest) {
  book.Warning("BundleRejected", {"Agent", "default", "a"}, "bad");
  book.Normal("AgentConnected", {"Agent", "default", "b"}, "from 127.0.0.1");
  now += std::chrono::seconds(5);
  book.Warning("BundleRejected", {"Agent", "default", "a"}, "bad");
  const std::vector<Event> events = book.After(0);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].reason, "AgentConnected");
  EXPECT_EQ(events[1].count, 2U);
  EXPECT_EQ(events[1].number, 3U);
  EXPECT_EQ(events[1].last - events[1].first, std::chrono::seconds(5));
}

TEST_F(EventsTest, AReaderIsToldWhatItHasNotSeen) {
  book.Normal("AgentConnected", {"Agent", "default", "a"}, "");
  const std::uint64_t seen = book.last();
  EXPECT_TRUE(book.After(seen).empty());
  book.Normal("AgentConnected", {"Agent", "default", "b"}, "");
  ASSERT_EQ(book.After(seen).size(), 1U);
  EXPECT_EQ(book.After(seen)[0].object.name, "b");
}

TEST_F(EventsTest, TheOldestGoWhenThereAreTooMany) {
  for (std::size_t i = 0; i < kMostKept + 5; ++i)
    book.Normal("ConfigurationWritten", {"Revision", "", std::to_string(i)}, std::string(10'000, 'x'));
  const std::vector<Event> events = book.After(0);
  ASSERT_EQ(events.size(), kMostKept);
  EXPECT_EQ(events.front().object.name, "5");
  EXPECT_EQ(events.front().message.size(), kMostMessage);
  book.Normal("ConfigurationWritten", {"Revision", "", "0"}, std::string(10'000, 'x'));
  EXPECT_EQ(book.After(0).back().count, 1U);
}

}  // namespace
}  // namespace weft::events
