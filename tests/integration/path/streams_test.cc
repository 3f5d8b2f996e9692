// Connections that are relayed byte by byte: behind a 101, and of ports that are not HTTP.
#include <gtest/gtest.h>

#include "tests/support/mesh.h"
#include "tests/support/upstream.h"

namespace weft {
namespace {

using support::FakeClient;
using support::FakeUpstream;
using support::Has;
using support::Mesh;
using support::WaitUntil;

constexpr const char* kAsk =
    "GET /chat HTTP/1.1\r\nhost: cart\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";

// Switches when it is asked to, says "first" at once, then returns each line that ends with an empty one.
FakeUpstream* Switching() {
  return new FakeUpstream([](const std::string& head, const std::string&) -> std::string {
    if (Has(head, "upgrade: echo"))
      return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst\r\n\r\n";
    if (Has(head, "HTTP/1.1")) return "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain";
    return head == "bye\r\n\r\n" ? "bye?" : head;  // '?': and closes
  });
}

bool Ended(Mesh& mesh, std::size_t count) {
  return WaitUntil([&] { return mesh.Counted().streams.size() == count; });
}

struct UpgradeTest : testing::Test {
  std::unique_ptr<FakeUpstream> upstream{Switching()};
};

TEST_F(UpgradeTest, BytesGoBothWaysAfterA101AlsoThoseThatCameWithTheHeads) {
  Mesh mesh;
  mesh.Service("cart", {upstream->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send(kAsk + std::string("early\r\n\r\n"));
  const std::string head = client.ReadUntil("\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << head;
  EXPECT_TRUE(Has(head, "connection: upgrade\r\n") && Has(head, "Upgrade: echo\r\n")) << head;
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "first\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "early\r\n\r\n");
  client.Send("GET / HTTP/1.1\r\nx: looks like a request, and is none\r\n\r\n");
  EXPECT_TRUE(Has(client.ReadUntil("plain"), "200"));
  client.Send("bye\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("?"), "bye?");
  client.HalfClose();
  EXPECT_EQ(client.ReadAll(), "");
  ASSERT_TRUE(Ended(mesh, 1));
  const support::CountingSink counted = mesh.Counted();
  EXPECT_EQ(counted.statuses, std::vector<std::uint16_t>{101});
  EXPECT_EQ(counted.streams[0].kind, report::StreamKind::kUpgrade);
  EXPECT_EQ(counted.streams[0].reason, Reason::kOk);
  EXPECT_EQ(counted.open, 0);
  EXPECT_EQ(counted.open_streams, 0);
}

TEST_F(UpgradeTest, AServerThatStaysWithHttpAnswersAsIfNobodyHadAsked) {
  const std::unique_ptr<FakeUpstream> plain(FakeUpstream::Answering(200, "hello"));
  Mesh mesh;
  mesh.Service("cart", {plain->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Has(client.Get("/", "connection: upgrade\r\nupgrade: websocket\r\n"), "hello"));
  EXPECT_TRUE(Has(plain->last_head(), "connection: upgrade\r\n")) << plain->last_head();
  EXPECT_TRUE(Has(plain->last_head(), "upgrade: websocket\r\n")) << plain->last_head();
  EXPECT_TRUE(Has(client.Get(), "hello"));
  EXPECT_FALSE(Has(plain->last_head(), "upgrade"));
  EXPECT_EQ(plain->connections(), 1);
}

TEST_F(UpgradeTest, AnOfferOfHttp2IsLeftOutAndBesideAnotherProtocolItIsRefused) {
  const std::unique_ptr<FakeUpstream> plain(FakeUpstream::Answering(200, "hello"));
  Mesh mesh;
  mesh.Service("cart", {plain->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Has(client.Get("/", "connection: upgrade\r\nupgrade: h2c\r\n"), "hello"));
  EXPECT_FALSE(Has(plain->last_head(), "pgrade"));
  EXPECT_TRUE(Has(client.Get("/", "connection: upgrade\r\nupgrade: websocket, h2c\r\n"),
                  "x-weft-reason: upgrade_refused"));
  EXPECT_EQ(plain->requests(), 1);
}

TEST_F(UpgradeTest, AStreamHoldsNoSnapshotAndOutlivesAHundredRevisionsAndADrain) {
  Mesh mesh;
  mesh.Service("cart", {upstream->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send(kAsk);
  client.ReadUntil("first\r\n\r\n");
  for (int i = 0; i < 100; ++i) {
    mesh.Reinstall();
    mesh.OnWorker([](forward::Worker& worker) { EXPECT_EQ(worker.engine().live_generations(), 1U); });
    client.Send("still here\r\n\r\n");
    EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "still here\r\n\r\n");
  }
  mesh.Move("cart", FakeUpstream::Refusing());  // its instance is gone from the registry
  mesh.forwarder().BeginDrain();
  client.Send("still here\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "still here\r\n\r\n");
  EXPECT_TRUE(WaitUntil([&] { return mesh.forwarder().requests() == 1; })) << "a drain waits for it";
  mesh.forwarder().CloseAll();
  EXPECT_EQ(client.ReadAll(), "");
  ASSERT_TRUE(Ended(mesh, 1));
  EXPECT_EQ(mesh.Counted().streams[0].reason, Reason::kShutdown);
}

TEST_F(UpgradeTest, AStreamCountsAgainstMaxConnectionsUntilItsEnd) {
  Mesh mesh;
  policy::ServicePolicy& policy = mesh.Service("cart", {upstream->address()});
  policy.connection_pool.max_connections = 1;
  policy.connection_pool.max_pending = 0;
  mesh.Start();
  {
    FakeClient client(mesh.address("service-cart"));
    client.Send(kAsk);
    client.ReadUntil("first\r\n\r\n");
    FakeClient other(mesh.address("service-cart"));
    EXPECT_TRUE(Has(other.Get(), "x-weft-reason: connection_overflow"));
  }
  ASSERT_TRUE(Ended(mesh, 1));
  FakeClient other(mesh.address("service-cart"));
  EXPECT_TRUE(Has(other.Get(), "plain"));
}

TEST_F(UpgradeTest, WhatIsSilentLongerThanStreamIdleEnds) {
  Mesh mesh;
  mesh.Service("cart", {upstream->address()}).timeouts.stream_idle = std::chrono::milliseconds(50);
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send(kAsk);
  client.ReadUntil("first\r\n\r\n");
  EXPECT_EQ(client.ReadAll(), "");
  ASSERT_TRUE(Ended(mesh, 1));
  EXPECT_EQ(mesh.Counted().streams[0].reason, Reason::kStreamIdle);
}

TEST_F(UpgradeTest, InboundTooAndWhatTheApplicationSaysOfItselfIsKept) {
  Mesh mesh;
  mesh.Inbound("cart", upstream->address());
  mesh.Start();
  FakeClient client(mesh.address("inbound-cart"));
  client.Send(kAsk);
  client.ReadUntil("first\r\n\r\n");
  EXPECT_TRUE(WaitUntil([&] { return mesh.forwarder().inbound_requests() == 1; }));
  client.Send("bye\r\n\r\n");
  EXPECT_EQ(client.ReadAll(), "bye?");
}

TEST_F(UpgradeTest, A101BeforeTheRequestHasEndedIsMalformed) {
  const auto hasty = std::make_unique<FakeUpstream>([](const std::string&, const std::string&) {
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n";
  });
  Mesh mesh;
  mesh.Service("cart", {hasty->address()}).retry.enabled = false;
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send(
      "POST / HTTP/1.1\r\nhost: cart\r\nconnection: upgrade\r\nupgrade: echo\r\ntransfer-encoding: chunked"
      "\r\n\r\n");  // its end does not come
  EXPECT_TRUE(Has(client.ReadUntil("\r\n\r\n"), "x-weft-reason: upstream_malformed"));
}

TEST_F(UpgradeTest, AClientThatLeavesBeforeTheAnswerLeavesNothingBehind) {
  const std::unique_ptr<FakeUpstream> hanging(FakeUpstream::Hanging());
  Mesh mesh;
  mesh.Service("cart", {hanging->address()});
  mesh.Start();
  {
    FakeClient client(mesh.address("service-cart"));
    client.Send(kAsk);
    EXPECT_TRUE(WaitUntil([&] { return hanging->requests() == 1; }));
  }
  EXPECT_TRUE(WaitUntil([&] { return mesh.Counted().open == 0; }));
  EXPECT_TRUE(mesh.Counted().streams.empty());
}

}  // namespace
}  // namespace weft
