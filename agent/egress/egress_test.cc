#include <gtest/gtest.h>

#include "agent/egress/hosts.h"

namespace weft::egress {
namespace {

AllowList List(const std::vector<std::string>& entries) { return AllowList::Parse(entries).value(); }

TEST(AllowListTest, ExactHostsSuffixesPortsAndEverything) {
  const AllowList list =
      List({"Example.com", "db.example.net:5432", "*.svc.example", "10.1.2.3", "[::1]:8080"});
  EXPECT_TRUE(list.Lists("example.COM:9999"));
  EXPECT_TRUE(list.Lists("example.com."));
  EXPECT_FALSE(list.Lists("www.example.com"));
  EXPECT_TRUE(list.Lists("db.example.net:5432"));
  EXPECT_FALSE(list.Lists("db.example.net"));
  EXPECT_TRUE(list.Lists("a.b.svc.example"));
  EXPECT_FALSE(list.Lists("svc.example"));
  EXPECT_FALSE(list.Lists("xsvc.example"));
  EXPECT_TRUE(list.Lists("10.1.2.3:80"));
  EXPECT_TRUE(list.Lists("[0:0::1]:8080"));
  EXPECT_FALSE(list.Lists("[::1]"));
  EXPECT_TRUE(List({"*"}).Lists("anything.at.all:1"));
  EXPECT_FALSE(List({"*"}).Lists("no host"));
  EXPECT_FALSE(List({}).Lists("example.com"));
}

TEST(AllowListTest, AWrongEntryIsNamedWithItsPlace) {
  for (const char* wrong : {"", "*x", "a..b", "host:0", "host:70000", "http://host", "*.", "a b"}) {
    const Result<AllowList> list = AllowList::Parse({"fine.example", wrong});
    ASSERT_FALSE(list.has_value()) << wrong;
    EXPECT_EQ(list.error().field, "outbound.egress.allow[1]");
  }
}

// A resolver whose answers the test gives.
struct HostsTest : testing::Test {
  void Answer(std::vector<net::Ip> addresses) {
    auto done = std::move(asked.front().second);
    asked.erase(asked.begin());
    done(std::move(addresses));
  }
  const snapshot::Service* Find(const std::string& name) const {
    const auto base = std::make_shared<const snapshot::Snapshot>();
    last = hosts.Extend(base);
    return last->Find({"egress", "egress", name});
  }
  void Ask(const char* host) {
    hosts.Ask(*ParseHost(host), now, [this] { ++failed; });
  }

  std::vector<std::pair<std::string, std::function<void(std::vector<net::Ip>)>>> asked;
  int changed = 0, failed = 0;
  TimePoint now{std::chrono::seconds(1000)};
  Hosts hosts{[this](const std::string& name, auto done) { asked.emplace_back(name, std::move(done)); },
              [this] { ++changed; }};
  mutable snapshot::SnapshotPtr last;
};

TEST_F(HostsTest, ANameBecomesAServiceWithItsAddressesAndPorts) {
  Ask("api.example:8080");
  Ask("api.example:8080");
  ASSERT_EQ(asked.size(), 1U) << "one look-up for both";
  Answer({net::Ip::V4(10, 0, 0, 2), net::Ip::V4(10, 0, 0, 1)});
  EXPECT_EQ(changed, 1);
  Ask("api.example");
  EXPECT_EQ(changed, 2) << "another port needs no look-up";
  const snapshot::Service* service = Find("api.example");
  ASSERT_NE(service, nullptr);
  ASSERT_EQ(service->bundle->ports.size(), 2U);
  ASSERT_EQ(service->endpoints->instances.size(), 2U);
  EXPECT_EQ(service->endpoints->instances[0].AddressFor(service->bundle->ports[1]).ToString(),
            "10.0.0.1:8080");
  EXPECT_EQ(service->endpoints->instances[0].AddressFor(service->bundle->ports[0]).ToString(), "10.0.0.1:80");
}

TEST_F(HostsTest, AnAddressNeedsNoLookup) {
  Ask("[::1]:81");
  EXPECT_TRUE(asked.empty());
  EXPECT_NE(Find("::1"), nullptr);
}

TEST_F(HostsTest, ANameThatDoesNotResolveIsNotAskedAgainForAWhile) {
  Ask("gone.example");
  Answer({});
  EXPECT_EQ(failed, 1);
  Ask("gone.example");
  EXPECT_EQ(failed, 2);
  EXPECT_TRUE(asked.empty());
  now += std::chrono::seconds(6);
  Ask("gone.example");
  EXPECT_EQ(asked.size(), 1U);
}

TEST_F(HostsTest, AddressesAreLookedUpAgainAndAFailureKeepsTheLast) {
  Ask("api.example");
  Answer({net::Ip::V4(10, 0, 0, 1)});
  now += std::chrono::seconds(31);
  hosts.Refresh(now);
  Answer({});
  EXPECT_EQ(Find("api.example")->endpoints->instances[0].id, "10.0.0.1");
  now += std::chrono::seconds(31);
  hosts.Refresh(now);
  Answer({net::Ip::V4(10, 0, 0, 9)});
  EXPECT_EQ(Find("api.example")->endpoints->instances[0].id, "10.0.0.9");
  now += std::chrono::minutes(11);
  hosts.Refresh(now);
  EXPECT_EQ(Find("api.example"), nullptr);
}

TEST_F(HostsTest, TheOldestGivesWay) {
  for (int i = 0; i < 300; ++i) {
    now += std::chrono::milliseconds(1);
    Ask(("10.0." + std::to_string(i / 200) + "." + std::to_string(i % 200)).c_str());
  }
  EXPECT_EQ(hosts.size(), 256U);
  EXPECT_EQ(Find("10.0.0.0"), nullptr);
  EXPECT_NE(Find("10.0.1.99"), nullptr);
}

TEST_F(HostsTest, TooManyLookupsAreRefused) {
  for (int i = 0; i < 70; ++i) Ask(("h" + std::to_string(i)).c_str());
  EXPECT_EQ(asked.size(), 64U);
  EXPECT_EQ(failed, 6);
}

}  // namespace
}  // namespace weft::egress
