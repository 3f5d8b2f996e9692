#include "controlplane/stream/hub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "controlplane/stream/stream_fixture.h"

namespace weft::stream {
namespace {

TEST(HubTest, AgentsThatComeRefuseAndGoAreEvents) {
  events::Book book;
  Hub hub([] { return kStart; }, &book);
  const auto ticket = hub.Open(HelloOf("a", {"cart"}), "127.0.0.1:1", std::make_shared<FakeOutlet>());
  ASSERT_TRUE(ticket);
  v1::AgentMessage ack;
  v1::BundleNack& nack = *ack.mutable_ack()->add_rejected();
  *nack.mutable_service() = wire::ToProto(ServiceKey{"local", "default", "cart"});
  nack.set_field("ports[0].port");
  nack.set_detail("must be 1 to 65535");
  ack.mutable_ack()->set_refused("the update is older than what it has");
  ASSERT_TRUE(hub.OnMessage(*ticket, ack));
  hub.Close(*ticket);
  std::string told;
  for (const events::Event& event : book.After(0)) {
    EXPECT_EQ(event.object, (events::Object{"Agent", "default", "a"}));
    told += std::string(event.reason) + (event.warning ? "! " : " ") + event.message + "\n";
  }
  EXPECT_EQ(told,
            "AgentConnected version , from 127.0.0.1:1\n"
            "BundleRejected! default/cart: ports[0].port: must be 1 to 65535; it goes on with what it had\n"
            "ConfigurationRefused! the update is older than what it has\n"
            "AgentDisconnected its stream ended\n");
}

TEST(HubTest, AnAddressIsAnsweredWithItsServiceOrNone) {
  Hub hub([] { return kStart; });
  hub.Start();
  const auto ticket = hub.Open(HelloOf("a"), "127.0.0.1:1", std::make_shared<FakeOutlet>());
  ASSERT_TRUE(ticket);
  policy::ServiceBundle cart = Bundle("cart");
  cart.addresses = {"10.96.0.7", "fd00::7"};
  hub.SetRelease({MakeTestRelease(1, {cart})});
  v1::AgentMessage ask;
  for (const char* address : {"10.96.0.7:80", "10.96.0.7:81", "[fd00::7]:80", "nonsense"})
    ask.mutable_find_address()->add_addresses(address);
  ASSERT_TRUE(hub.OnMessage(*ticket, ask));
  std::string told;
  for (int i = 0; i < 4; ++i) {
    const auto message = NextOf(hub, *ticket);
    ASSERT_TRUE(message && message->has_found_address());
    const v1::FoundAddress& found = message->found_address();
    told += found.address() + " " + (found.has_service() ? found.service().name() : "-") + "\n";
  }
  EXPECT_EQ(told, "10.96.0.7:80 cart\n10.96.0.7:81 -\n[fd00::7]:80 cart\nnonsense -\n");
  const auto next = NextOf(hub, *ticket);
  EXPECT_TRUE(!next || !next->has_found_address());
  hub.Stop({ErrorKind::kUnavailable, "end", {}, {}});
}

TEST(HubTest, ConvergenceIsMeasuredFromReleaseToAcknowledgement) {
  TimePoint now = kStart;
  Hub hub([&] { return now; });
  const auto outlet = std::make_shared<FakeOutlet>();
  const auto ticket = hub.Open(HelloOf("a", {"cart"}), "127.0.0.1:1", outlet);
  ASSERT_TRUE(ticket);
  hub.SetRelease({MakeTestRelease(1, {Bundle("cart")})});
  EXPECT_EQ(outlet->kicks, 1);
  const auto message = NextOf(hub, *ticket);
  ASSERT_TRUE(message);
  now += milliseconds(20);
  v1::AgentMessage ack;
  ack.mutable_ack()->set_sequence(message->delta().sequence());
  *ack.mutable_ack()->mutable_effective() = message->delta().version();
  ASSERT_TRUE(hub.OnMessage(*ticket, ack));
  const Metrics metrics = hub.metrics();
  EXPECT_EQ(metrics.agents, 1U);
  EXPECT_EQ(metrics.pushes, 1U);
  EXPECT_GT(metrics.push_bytes, 0U);
  EXPECT_EQ(metrics.convergence[1], 1U) << "20 ms is above 10 and at most 25";
}

TEST(HubTest, WhatWasReleasedBeforeTheStartIsThereForTheFirstAgent) {
  Hub hub([] { return kStart; });
  hub.SetRelease({MakeTestRelease(1, {})});
  hub.SetRelease({MakeTestRelease(2, {Bundle("cart")})});
  hub.Start();
  const auto ticket = hub.Open(HelloOf("a", {"cart"}), "127.0.0.1:1", std::make_shared<FakeOutlet>());
  const auto message = NextOf(hub, *ticket);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->delta().bundles_size(), 1);
  EXPECT_EQ(message->delta().unknown_size(), 0);
}

TEST(HubTest, ANewerStreamOfANodeEndsTheOlderOne) {
  Hub hub([] { return kStart; });
  const auto first = std::make_shared<FakeOutlet>(), second = std::make_shared<FakeOutlet>();
  const std::uint64_t old_ticket = *hub.Open(HelloOf("a"), "127.0.0.1:1", first);
  ASSERT_TRUE(hub.Open(HelloOf("a"), "127.0.0.1:2", second));
  EXPECT_NE(first->closed.find("node.id"), std::string::npos);
  hub.Close(old_ticket);
  EXPECT_EQ(hub.Agents("").size(), 1U) << "the late end of the old stream takes nothing of the new one";
  EXPECT_EQ(hub.Agents("").front().peer(), "127.0.0.1:2");
}

TEST(HubTest, OneStalledAgentLosesItsStreamAndNobodyElse) {
  TimePoint now = kStart;
  Hub hub([&] { return now; });
  const auto slow = std::make_shared<FakeOutlet>(), idle = std::make_shared<FakeOutlet>();
  const std::uint64_t ticket = *hub.Open(HelloOf("slow"), "p", slow);
  ASSERT_TRUE(hub.Open(HelloOf("idle"), "p", idle));
  hub.SetRelease({MakeTestRelease(1, {})});
  ASSERT_TRUE(NextOf(hub, ticket));
  now += kAckPatience;
  hub.Tick();
  EXPECT_FALSE(slow->closed.empty());
  EXPECT_TRUE(idle->closed.empty());
}

auth::Shown Certificate(const std::string& serial, std::int64_t from_ms, std::int64_t until_ms) {
  return {"spiffe://mesh/ns/default/sa/cart", serial, WallTime(std::chrono::milliseconds(from_ms)),
          WallTime(std::chrono::milliseconds(until_ms))};
}

TEST(HubTest, AStreamWhoseCertificateIsRefusedEndsAndNoOther) {
  Hub hub([] { return kStart; });
  const auto revoked = std::make_shared<FakeOutlet>(), good = std::make_shared<FakeOutlet>(),
             bearer = std::make_shared<FakeOutlet>();
  hub.SetCertificate(*hub.Open(HelloOf("revoked"), "p", revoked), Certificate("01", 7000, 9000));
  hub.SetCertificate(*hub.Open(HelloOf("good"), "p", good), Certificate("02", 7000, 9000));
  ASSERT_TRUE(hub.Open(HelloOf("bearer"), "p", bearer));
  hub.EndRefused([](const auth::Shown& shown) -> Status {
    EXPECT_EQ(shown.uri, "spiffe://mesh/ns/default/sa/cart");
    EXPECT_EQ(shown.from, WallTime(std::chrono::seconds(7)));
    if (shown.serial != "01") return {};
    return Error{ErrorKind::kUnauthenticated, "it was revoked", {}, {}};
  });
  EXPECT_EQ(revoked->closed, "it was revoked");
  EXPECT_EQ(good->closed + bearer->closed, "");
}

TEST(HubTest, AStreamEndsWithItsCertificateUnlessThatWasRenewed) {
  constexpr std::int64_t kHour = 3'600'000;
  Hub hub([] { return kStart; });
  const auto late = std::make_shared<FakeOutlet>(), renewed = std::make_shared<FakeOutlet>(),
             bearer = std::make_shared<FakeOutlet>();
  const std::uint64_t first = *hub.Open(HelloOf("late"), "p", late);
  const std::uint64_t second = *hub.Open(HelloOf("renewed"), "p", renewed);
  ASSERT_TRUE(hub.Open(HelloOf("bearer"), "p", bearer));
  hub.SetCertificate(first, Certificate("01", 0, 10 * kHour));
  hub.SetCertificate(second, Certificate("02", 0, 10 * kHour));
  hub.SetCertificate(0, Certificate("03", 0, 1));  // of a stream that joins
  EXPECT_TRUE(hub.Ending(8 * kHour).empty());
  EXPECT_EQ(hub.Ending(8 * kHour + 1).size(), 2U) << "less than a fifth is left";
  hub.SetCertificate(second, Certificate("04", 7 * kHour, 17 * kHour));
  EXPECT_EQ(hub.Ending(9 * kHour).front().node_id(), "late");
  hub.EndExpired(10 * kHour - 1);
  EXPECT_EQ(late->closed, "");
  hub.EndExpired(10 * kHour);
  EXPECT_NE(late->closed.find("was not renewed"), std::string::npos);
  EXPECT_EQ(renewed->closed + bearer->closed, "");
}

// More agents than are told of everything at once; the first uses the service "mine", all use "common".
struct Many {
  explicit Many(std::size_t agents) {
    for (std::size_t i = 0; i < agents; ++i) {
      outlets.push_back(std::make_shared<FakeOutlet>());
      const std::vector<std::string> uses =
          i == 0 ? std::vector<std::string>{"mine", "common"} : std::vector<std::string>{"common"};
      tickets.push_back(*hub.Open(HelloOf("agent-" + std::to_string(i), uses), "p", outlets.back()));
    }
    release = MakeTestRelease(1, {Bundle("mine"), Bundle("common")});
    hub.SetRelease({release});
    TakeAll();
  }
  void TakeAll() {
    for (const std::uint64_t ticket : tickets) {
      while (NextOf(hub, ticket)) continue;
    }
    for (const auto& outlet : outlets) outlet->kicks = 0;
  }
  std::size_t Kicked() const {
    return static_cast<std::size_t>(
        std::count_if(outlets.begin(), outlets.end(), [](const auto& outlet) { return outlet->kicks > 0; }));
  }
  void Release(std::uint64_t revision, std::vector<policy::ServiceBundle> bundles) {
    now += std::chrono::seconds(1);
    release = MakeTestRelease(revision, std::move(bundles), release);
    hub.SetRelease({release});
  }

  TimePoint now = kStart;
  Hub hub{[this] { return now; }};
  std::vector<std::shared_ptr<FakeOutlet>> outlets;
  std::vector<std::uint64_t> tickets;
  ReleasePtr release;
};

TEST(HubTest, OfManyAgentsThoseThatUseWhatChangedAreToldAtOnceAndTheOthersByAndBy) {
  Many many(kAllAtOnce + 100);
  many.Release(2, {Bundle("mine", 7)});
  EXPECT_EQ(many.outlets[0]->kicks, 1);
  EXPECT_EQ(many.Kicked(), 1U);
  many.now += kSweep;
  many.hub.Tick();
  EXPECT_LE(many.Kicked(), 1 + kSweepAgents);
  for (int i = 0; i < 10; ++i) {
    many.now += kSweep;
    many.hub.Tick();
  }
  EXPECT_EQ(many.Kicked(), many.outlets.size());
  EXPECT_EQ(NextOf(many.hub, many.tickets[5])->delta().version().revision(), 2U);
  many.TakeAll();
  many.Release(3, {Bundle("common", 9)});
  EXPECT_EQ(many.Kicked(), many.outlets.size()) << "it concerns everybody";
}

TEST(HubTest, OfManyAgentsOnlyUsersHearOfAnInstanceThatIsGone) {
  Many many(kAllAtOnce + 100);
  many.hub.SetEndpoints(MakeEndpoints("mine", 1, {"a", "b"}));
  many.now += std::chrono::seconds(1);
  many.hub.Tick();
  many.TakeAll();
  many.hub.SetEndpoints(MakeEndpoints("mine", 2, {"a"}));
  EXPECT_EQ(many.outlets[0]->kicks, 1);
  EXPECT_EQ(many.Kicked(), 1U);
}

TEST(HubTest, WhoLeavesIsNoLongerAUser) {
  Many many(kAllAtOnce + 100);
  many.hub.Close(many.tickets[0]);
  many.Release(2, {Bundle("mine", 7)});
  EXPECT_EQ(many.Kicked(), 0U);
  EXPECT_EQ(many.hub.metrics().agents, kAllAtOnce + 99);
}

TEST(HubTest, ConvergenceCountsThoseWhomTheReleaseConcerned) {
  Many many(kAllAtOnce + 100);
  const auto acknowledge = [&](std::size_t agent) {
    const auto message = NextOf(many.hub, many.tickets[agent]);
    ASSERT_TRUE(message);
    v1::AgentMessage ack;
    ack.mutable_ack()->set_sequence(message->delta().sequence());
    *ack.mutable_ack()->mutable_effective() = message->delta().version();
    ASSERT_TRUE(many.hub.OnMessage(many.tickets[agent], ack));
  };
  many.Release(2, {Bundle("mine", 7)});
  acknowledge(0);
  acknowledge(1);
  std::uint64_t counted = 0;
  for (const std::uint64_t bucket : many.hub.metrics().convergence) counted += bucket;
  EXPECT_EQ(counted, 1U) << "nothing of the second changed";
}

TEST(HubTest, TheMoreAgentsTheFartherApartTheyAreToComeBack) {
  Many many(300);
  many.Release(2, {Bundle("common", 7)});
  EXPECT_EQ(NextOf(many.hub, many.tickets[0])->delta().reconnect_spread_ns(),
            (300 * kSpreadPerAgent).count());
}

TEST(HubTest, ANodeThatComesAgainAndAgainIsRefusedForAWhile) {
  TimePoint now = kStart;
  Hub hub([&] { return now; });
  const auto open = [&](const std::string& node) {
    return hub.Open(HelloOf(node), "p", std::make_shared<FakeOutlet>());
  };
  for (std::uint32_t i = 0; i < kMaxReopens; ++i) ASSERT_TRUE(open("a"));
  EXPECT_EQ(open("a").error().kind, ErrorKind::kOverloaded);
  EXPECT_TRUE(open("b"));
  now += kReopenSpan;
  EXPECT_TRUE(open("a"));
}

TEST(HubTest, AStalledAgentThatDoesNotEvenReadItsEndIsCutOff) {
  TimePoint now = kStart;
  Hub hub([&] { return now; });
  const auto slow = std::make_shared<FakeOutlet>();
  const std::uint64_t ticket = *hub.Open(HelloOf("slow"), "p", slow);
  hub.SetRelease({MakeTestRelease(1, {})});
  ASSERT_TRUE(NextOf(hub, ticket));
  now += kAckPatience;
  hub.Tick();
  EXPECT_FALSE(slow->closed.empty());
  EXPECT_EQ(slow->aborts, 0);
  now += std::chrono::seconds(6);
  hub.Tick();
  EXPECT_EQ(slow->aborts, 1);
}

TEST(FanOutTest, EverybodyIsKickedWhateverTheLane) {
  FanOut fan_out;
  struct Counter : FakeOutlet {
    void Kick() override { ++count; }
    std::atomic<int> count{0};
  };
  std::vector<std::shared_ptr<Counter>> outlets(100);
  for (auto& outlet : outlets) outlet = std::make_shared<Counter>();
  fan_out.Start();
  fan_out.Post({outlets.begin(), outlets.end()}, false);
  fan_out.Post({outlets.begin(), outlets.end()}, true);
  for (const auto& outlet : outlets) {
    while (outlet->count < 2) std::this_thread::yield();
  }
  fan_out.Stop();
  fan_out.Post({outlets.begin(), outlets.begin() + 1}, false);
  EXPECT_EQ(outlets[0]->count, 3) << "in the caller's thread while there is no other";
}

TEST(HubTest, CommandsReachConnectedAgentsAndOthersAreNamed) {
  Hub hub([] { return kStart; });
  const auto outlet = std::make_shared<FakeOutlet>();
  const std::uint64_t ticket = *hub.Open(HelloOf("a"), "p", outlet);
  EXPECT_EQ(hub.Drain("b", 0).error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(hub.Drain("a", 5000));
  EXPECT_EQ(NextOf(hub, ticket)->command().drain().deadline_ns(), 5'000'000'000);
  EXPECT_TRUE(hub.Agents("default").front().draining());
  EXPECT_EQ(*hub.Accept(""), 0U) << "nobody waits";
}

}  // namespace
}  // namespace weft::stream
