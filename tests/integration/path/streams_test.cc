// Connections that are relayed byte by byte: behind a 101, and of ports that are not HTTP.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

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

TEST_F(UpgradeTest, InboundStreamsTakeNoPlaceFromRequests) {
  Mesh mesh;
  mesh.Inbound("cart", upstream->address());
  mesh.Start();
  std::vector<std::unique_ptr<FakeClient>> clients;
  for (int i = 0; i < 110; ++i) {  // more than the 100 connections that requests may have
    clients.push_back(std::make_unique<FakeClient>(mesh.address("inbound-cart")));
    clients.back()->Send(kAsk);
    EXPECT_TRUE(Has(clients.back()->ReadUntil("first\r\n\r\n"), "101"));
  }
  EXPECT_TRUE(Has(FakeClient(mesh.address("inbound-cart")).Get(), "plain"));
  clients.clear();
  EXPECT_TRUE(Ended(mesh, 110));
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

// Says `greeting` to each connection, then returns each line that ends with an empty one.
struct Greeting {
  explicit Greeting(std::string text) : greeting(std::move(text)) {}
  const std::string greeting;
  FakeUpstream server{[](const std::string& head, const std::string&) { return head; }, greeting};
};

std::string Hello(const std::string& sample) {
  std::ifstream file("tests/fuzz/corpus/client_hello/" + sample, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

policy::Route RouteTo(policy::RouteKind kind, const std::string& service,
                      std::vector<std::string> hostnames = {}) {
  policy::Route route;
  route.name = "default/" + service;
  route.ns = "default";
  route.kind = kind;
  route.hostnames = std::move(hostnames);
  policy::RouteRule rule;
  rule.name = route.name + "/0";
  rule.matches.push_back({});
  policy::BackendRef ref;
  ref.backend = {{"local", "default", service}, 80};
  rule.backends.push_back(ref);
  route.rules.push_back(rule);
  return route;
}

struct TcpTest : testing::Test {
  Greeting one{"one\r\n\r\n"}, two{"two\r\n\r\n"};
};

TEST_F(TcpTest, ATcpRouteSendsConnectionsWhereItSaysAlsoThoseOfConnect) {
  Mesh mesh;
  mesh.Service("db", {one.server.address()}, policy::Protocol::kTcp);
  mesh.Service("other", {two.server.address()}, policy::Protocol::kTcp);
  mesh.Bundle("db").routes.push_back(RouteTo(policy::RouteKind::kTcp, "other"));
  mesh.Start();
  EXPECT_EQ(FakeClient(mesh.address("service-db")).ReadUntil("\r\n\r\n"), "two\r\n\r\n");
  FakeClient client(mesh.address("outbound"));
  client.Send("CONNECT db:80 HTTP/1.1\r\nhost: db:80\r\n\r\n");
  client.ReadUntil("\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "two\r\n\r\n");
}

TEST_F(TcpTest, ARefusingInstanceIsTriedOnAnotherAndOneAloneOpensTheCircuit) {
  Mesh mesh;
  mesh.Service("db", {FakeUpstream::Refusing(), one.server.address()}, policy::Protocol::kTcp);
  mesh.Service("dead", {FakeUpstream::Refusing()}, policy::Protocol::kTcp).retry.enabled = false;
  mesh.Start();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(FakeClient(mesh.address("service-db")).ReadUntil("\r\n\r\n"), "one\r\n\r\n");
  const auto last = [&] {
    const std::vector<report::StreamReport> streams = mesh.Counted().streams;
    return streams.empty() ? Reason::kOk : streams.back().reason;
  };
  EXPECT_TRUE(WaitUntil([&] {
    FakeClient(mesh.address("service-dead")).ReadAll();
    return last() == Reason::kBreakerOpen;
  }));
}

TEST_F(TcpTest, HalfCloseGoesThroughInBothDirectionsAndTheEndIsInOrder) {
  Mesh mesh;
  mesh.Service("db", {one.server.address()}, policy::Protocol::kTcp);
  mesh.Start();
  FakeClient client(mesh.address("service-db"));
  client.ReadUntil("\r\n\r\n");
  client.Send("last words\r\n\r\n");
  client.HalfClose();
  EXPECT_EQ(client.ReadAll(), "last words\r\n\r\n");
  ASSERT_TRUE(Ended(mesh, 1));
  EXPECT_EQ(mesh.Counted().streams[0].reason, Reason::kOk);
  EXPECT_EQ(mesh.Counted().streams[0].kind, report::StreamKind::kTcp);
}

TEST_F(TcpTest, TlsIsPassedThroughByTheNameItAsksForInAnyNumberOfPieces) {
  for (const policy::Protocol protocol : {policy::Protocol::kTls, policy::Protocol::kDetect}) {
    Mesh mesh;
    mesh.Service("front", {FakeUpstream::Refusing()}, protocol);
    mesh.Service("shop", {one.server.address()}, policy::Protocol::kTcp);
    mesh.Service("rest", {two.server.address()}, policy::Protocol::kTcp);
    mesh.Bundle("front").routes = {RouteTo(policy::RouteKind::kTls, "shop", {"shop.example.com"}),
                                   RouteTo(policy::RouteKind::kTls, "rest")};
    mesh.Start();
    for (const auto& [sample, greeting] : {std::pair{"shop.example.com", "one\r\n\r\n"},
                                           {"two-records", "one\r\n\r\n"},
                                           {"tiny-records", "one\r\n\r\n"},
                                           {"without-name", "two\r\n\r\n"},
                                           {"tls12", "two\r\n\r\n"}}) {
      const std::string bytes = Hello(sample);
      FakeClient client(mesh.address("service-front"));
      for (std::size_t i = 0; i < 40; ++i) {
        client.Send(bytes.substr(bytes.size() * i / 40, bytes.size() * (i + 1) / 40 - bytes.size() * i / 40));
        mesh.OnWorker([](forward::Worker&) {});  // it has read what came
      }
      EXPECT_EQ(client.ReadUntil("\r\n\r\n"), greeting) << sample;
    }
  }
}

TEST_F(TcpTest, GarbageOnATlsPortGoesOnAndATlsRouteThatNobodyMatchesCloses) {
  Mesh mesh;
  mesh.Service("plain", {one.server.address()}, policy::Protocol::kTls);
  mesh.Service("named", {one.server.address()}, policy::Protocol::kTls);
  mesh.Bundle("named").routes = {RouteTo(policy::RouteKind::kTls, "plain", {"only.example.com"})};
  mesh.Start();
  FakeClient garbage(mesh.address("service-plain"));
  garbage.Send("this is no ClientHello");
  EXPECT_EQ(garbage.ReadUntil("\r\n\r\n"), "one\r\n\r\n");
  FakeClient other(mesh.address("service-named"));
  other.Send(Hello("shop.example.com"));
  EXPECT_EQ(other.ReadAll(), "<reset>");
  ASSERT_TRUE(WaitUntil([&] { return !mesh.Counted().streams.empty(); }));
  EXPECT_EQ(mesh.Counted().streams[0].reason, Reason::kNoRoute);
}

TEST_F(TcpTest, AServerThatSpeaksFirstOnAnUndeclaredPortIsDetectedOnceAndThenKnown) {
  Mesh mesh;
  mesh.Service("smtp", {one.server.address()}, policy::Protocol::kDetect);
  int changes = 0;
  mesh.options().on_learned = [&changes] { ++changes; };
  mesh.Start();
  using report::Detection;
  for (const Detection expected : {Detection::kSilent, Detection::kLearned, Detection::kLearned}) {
    FakeClient client(mesh.address("service-smtp"));
    EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "one\r\n\r\n");
    EXPECT_EQ(mesh.Counted().detected.back(), expected);
  }
  EXPECT_EQ(mesh.forwarder().learned().Text(), "server-first default/smtp:80\n");
  EXPECT_EQ(changes, 1);
}

TEST_F(TcpTest, WhatWasLearnedIsForgottenWhenAClientSpeaksFirst) {
  const std::unique_ptr<FakeUpstream> http(FakeUpstream::Answering(200, "hello"));
  Mesh mesh;
  mesh.Service("cart", {http->address()}, policy::Protocol::kDetect);
  mesh.Start();
  ASSERT_TRUE(mesh.forwarder().learned().Load("server-first default/cart:80\n").has_value());
  EXPECT_TRUE(Has(FakeClient(mesh.address("service-cart")).Get(), "hello"));
  EXPECT_TRUE(mesh.Counted().statuses.empty()) << "relayed unread";
  EXPECT_TRUE(Has(FakeClient(mesh.address("service-cart")).Get(), "hello"));
  EXPECT_EQ(mesh.Counted().statuses.size(), 1U) << "read as HTTP again";
  EXPECT_EQ(mesh.forwarder().learned().Text(), "client-first default/cart:80\n");
}

TEST_F(TcpTest, AProxyHeaderTellsTheClientAndWithoutOneTheConnectionIsClosed) {
  const std::unique_ptr<FakeUpstream> http(FakeUpstream::Answering(200, "hello"));
  Mesh mesh;
  mesh.Service("cart", {http->address()});
  mesh.options().listeners.back().accept_proxy = true;
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send("PROXY TCP4 192.0.2.7 192.0.2.1 1000 80\r\nGET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  EXPECT_TRUE(Has(client.ReadUntil("hello"), "200"));
  EXPECT_TRUE(Has(http->last_head(), "x-forwarded-for: 192.0.2.7\r\n")) << http->last_head();
  FakeClient stranger(mesh.address("service-cart"));
  stranger.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  EXPECT_EQ(stranger.ReadAll(), "<reset>");
  ASSERT_TRUE(Ended(mesh, 1));
  EXPECT_EQ(mesh.Counted().streams[0].reason, Reason::kBadRequest);
}

TEST_F(TcpTest, TheClientIsToldOnToInstancesThatWantToKnow) {
  const FakeUpstream lines([](const std::string& head, const std::string&) { return head; });
  Mesh mesh;
  mesh.Service("db", {lines.address()}, policy::Protocol::kTcp);
  mesh.options().listeners.back().accept_proxy = true;
  mesh.Bundle("db").ports[0].proxy_protocol = 1;
  mesh.Inbound("app", lines.address());
  mesh.Bundle("db").ports[0].protocol = policy::Protocol::kTcp;
  mesh.Start();
  FakeClient client(mesh.address("service-db"));
  client.Send("PROXY TCP6 2001:db8::7 2001:db8::1 1000 80\r\nabc\r\n\r\n");
  const std::string echo = client.ReadUntil("abc\r\n\r\n");
  EXPECT_TRUE(echo.starts_with("PROXY TCP6 2001:db8::7 ::ffff:127.0.0.1 1000 ")) << echo;
}

}  // namespace
}  // namespace weft
