#include "controlplane/stream/hub.h"

#include <gtest/gtest.h>

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

TEST(HubTest, ConvergenceIsMeasuredFromReleaseToAcknowledgement) {
  TimePoint now = kStart;
  Hub hub([&] { return now; });
  const auto outlet = std::make_shared<FakeOutlet>();
  const auto ticket = hub.Open(HelloOf("a", {"cart"}), "127.0.0.1:1", outlet);
  ASSERT_TRUE(ticket);
  hub.SetRelease({MakeTestRelease(1, {Bundle("cart")})});
  EXPECT_EQ(outlet->kicks, 1);
  const auto message = hub.Next(*ticket);
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
  const auto message = hub.Next(*ticket);
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
  ASSERT_TRUE(hub.Next(ticket));
  now += kAckPatience;
  hub.Tick();
  EXPECT_FALSE(slow->closed.empty());
  EXPECT_TRUE(idle->closed.empty());
}

TEST(HubTest, AStreamEndsWithItsCertificateUnlessThatWasRenewed) {
  constexpr std::int64_t kHour = 3'600'000;
  Hub hub([] { return kStart; });
  const auto late = std::make_shared<FakeOutlet>(), renewed = std::make_shared<FakeOutlet>(),
             bearer = std::make_shared<FakeOutlet>();
  const std::uint64_t first = *hub.Open(HelloOf("late"), "p", late);
  const std::uint64_t second = *hub.Open(HelloOf("renewed"), "p", renewed);
  ASSERT_TRUE(hub.Open(HelloOf("bearer"), "p", bearer));
  hub.SetCertificate(first, 0, 10 * kHour);
  hub.SetCertificate(second, 0, 10 * kHour);
  hub.SetCertificate(0, 0, 1);  // of a stream that joins
  EXPECT_TRUE(hub.Ending(8 * kHour).empty());
  EXPECT_EQ(hub.Ending(8 * kHour + 1).size(), 2U) << "less than a fifth is left";
  hub.SetCertificate(second, 7 * kHour, 17 * kHour);
  EXPECT_EQ(hub.Ending(9 * kHour).front().node_id(), "late");
  hub.EndExpired(10 * kHour - 1);
  EXPECT_EQ(late->closed, "");
  hub.EndExpired(10 * kHour);
  EXPECT_NE(late->closed.find("was not renewed"), std::string::npos);
  EXPECT_EQ(renewed->closed + bearer->closed, "");
}

TEST(HubTest, CommandsReachConnectedAgentsAndOthersAreNamed) {
  Hub hub([] { return kStart; });
  const auto outlet = std::make_shared<FakeOutlet>();
  const std::uint64_t ticket = *hub.Open(HelloOf("a"), "p", outlet);
  EXPECT_EQ(hub.Drain("b", 0).error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(hub.Drain("a", 5000));
  EXPECT_EQ(hub.Next(ticket)->command().drain().deadline_ns(), 5'000'000'000);
  EXPECT_TRUE(hub.Agents("default").front().draining());
  EXPECT_EQ(*hub.Accept(""), 0U) << "nobody waits";
}

}  // namespace
}  // namespace weft::stream
