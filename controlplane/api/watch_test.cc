#include "controlplane/api/watch.h"

#include <gtest/gtest.h>

namespace weft::api {
namespace {

resource::DocumentPtr Service(const std::string& name) {
  return resource::ParseDocuments("apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: " + name +
                                      "}\nspec: {ports: [{port: 80}]}\n",
                                  "")
      .documents.at(0);
}

class FeedTest : public testing::Test {
 protected:
  Change Added(std::uint64_t revision, const std::string& name) {
    return {revision, {"MeshService", "default", name}, "api", nullptr, Service(name)};
  }
  Watch Open(const std::string& selector = {}) {
    return Watch(feed, MakeFilter("", "", "", selector).value(), {{}, feed.end(), 0}, [this] { return now; });
  }
  static std::string Texts(const Result<std::vector<v1::WatchEvent>>& events) {
    if (!events) return std::string(ToString(events.error().kind));
    std::string text;
    for (const v1::WatchEvent& event : *events)
      text += v1::WatchEvent::Type_Name(event.type()) + " " + std::to_string(event.revision()) + "; ";
    return text;
  }
  ChangeFeed feed{3};
  TimePoint now{};
};

TEST_F(FeedTest, SilenceBringsABookmarkOfWhatWasSeenEvenIfNotTaken) {
  Watch watch = Open("metadata.name=other");
  EXPECT_EQ(Texts(watch.Next()), "BOOKMARK 0; ");
  feed.Append({Added(5, "cart")});
  EXPECT_EQ(Texts(watch.Next()), "");
  now += kBookmarkEvery;
  EXPECT_EQ(Texts(watch.Next()), "BOOKMARK 5; ");
  EXPECT_EQ(Texts(watch.Next()), "");
}

TEST_F(FeedTest, AReaderThatFellBehindIsToldToListAgainAndOthersGoOn) {
  Watch slow = Open(), quick = Open();
  EXPECT_EQ(Texts(slow.Next()), "BOOKMARK 0; ");
  EXPECT_EQ(Texts(quick.Next()), "BOOKMARK 0; ");
  for (std::uint64_t revision = 1; revision <= 4; ++revision) {
    feed.Append({Added(revision, "s" + std::to_string(revision))});
    EXPECT_EQ(Texts(quick.Next()), "ADDED " + std::to_string(revision) + "; ");
  }
  EXPECT_EQ(Texts(slow.Next()), "gone");
}

TEST_F(FeedTest, WakersRunAtEachChangeAndNeverAfterTheirWatch) {
  int woken = 0;
  {
    Watch watch = Open();
    watch.Start([&woken] { ++woken; });
    feed.Append({Added(1, "a")});
    feed.Wake();
  }
  feed.Append({Added(2, "b")});
  EXPECT_EQ(woken, 2);
}

TEST_F(FeedTest, ClosingEndsEveryWatch) {
  Watch watch = Open();
  EXPECT_EQ(Texts(watch.Next()), "BOOKMARK 0; ");
  feed.Close();
  EXPECT_EQ(Texts(watch.Next()), "unavailable");
}

}  // namespace
}  // namespace weft::api
