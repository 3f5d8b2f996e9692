// The corners of HTTP/1.1 through one agent and through two: retries, early answers, old clients, messages
// without bodies, the end of a drain.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/mesh.h"
#include "tests/support/upstream.h"

namespace weft {
namespace {

std::unique_ptr<support::FakeUpstream> Saying(const std::string& text) {
  return std::make_unique<support::FakeUpstream>(
      [=](const std::string&, const std::string&) { return text; });
}

bool Says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A client's agent and a server's agent before one application.
struct TwoAgents {
  explicit TwoAgents(const net::Address& application) {
    server.Inbound("cart", application);
    server.Start();
    client.Service("cart", {server.address("inbound-cart")});
    client.MarkMeshed("cart");
    client.Start();
  }
  net::Address address() const { return client.address("service-cart"); }
  support::Mesh server, client;
};

TEST(EdgesTest, APostThatWasAnswered503IsNotSentTwice) {
  const auto upstream = Saying("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
  support::Mesh mesh;
  mesh.Service("cart", {upstream->address()}).retry.attempts = 2;
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  client.Send("POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 2\r\n\r\nhi");
  EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\n"), "503"));
  EXPECT_EQ(upstream->requests(), 1);
}

TEST(EdgesTest, ARetryKeepsTheConnectionWhoseAnswerWasShort) {
  std::atomic<int> asked{0};
  support::FakeUpstream upstream([&](const std::string&, const std::string&) -> std::string {
    if (++asked % 2 == 1) return "HTTP/1.1 503 No\r\ncontent-length: 5\r\n\r\nsorry";
    return "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
  });
  support::Mesh mesh;
  mesh.Service("cart", {upstream.address()}).retry.attempts = 2;
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Says(client.Get(), "200 OK"));
  EXPECT_EQ(upstream.requests(), 2);
  EXPECT_EQ(upstream.connections(), 1);
}

TEST(EdgesTest, ARetryGivesUpTheConnectionWhoseAnswerIsLong) {
  std::atomic<int> asked{0};
  support::FakeUpstream upstream([&](const std::string&, const std::string&) -> std::string {
    if (++asked == 1) return "HTTP/1.1 503 No\r\ncontent-length: 100000\r\n\r\n" + std::string(100'000, 'x');
    return "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
  });
  support::Mesh mesh;
  mesh.Service("cart", {upstream.address()}).retry.attempts = 2;
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Says(client.Get(), "200 OK"));
  EXPECT_EQ(upstream.connections(), 2);
}

TEST(EdgesTest, ARetryAfterThatIsTooLongIsForwardedAndNotWaitedFor) {
  const auto upstream = Saying("HTTP/1.1 503 No\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n");
  support::Mesh mesh;
  mesh.Service("cart", {upstream->address()}).retry.attempts = 2;
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Says(client.Get(), "retry-after: 60"));
  EXPECT_EQ(upstream->requests(), 1);
}

TEST(EdgesTest, AConnectionThatHasSaidNothingYetIsClosedWithTheOthers) {
  const auto upstream = Saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  support::Mesh mesh;
  mesh.Service("cart", {upstream->address()}, policy::Protocol::kDetect);
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(support::WaitUntil([&] { return mesh.Counted().open == 1; }));
  mesh.OnWorker([](forward::Worker& worker) { worker.CloseAll(); });
  EXPECT_EQ(mesh.Counted().open, 0);
  EXPECT_EQ(client.ReadAll(), "");
}

// Its own Date is years ago: only the difference counts.
TEST(EdgesTest, ARetryAfterWithADateCountsFromTheDateOfTheAnswer) {
  for (const auto& [after, attempts] :
       {std::pair{"Sun, 06 Nov 1994 08:50:37 GMT", 1}, std::pair{"Sun, 06 Nov 1994 08:49:37 GMT", 3}}) {
    const auto upstream = Saying("HTTP/1.1 503 No\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: " +
                                 std::string(after) + "\r\ncontent-length: 0\r\n\r\n");
    support::Mesh mesh;
    mesh.Service("cart", {upstream->address()}).retry.attempts = 2;
    mesh.Start();
    support::FakeClient client(mesh.address("service-cart"));
    EXPECT_TRUE(Says(client.Get(), std::string("retry-after: ") + after));
    EXPECT_EQ(upstream->requests(), attempts);
  }
}

TEST(EdgesTest, AnOldRequestWithoutHostCarriesTheNameOfTheService) {
  const auto upstream = Saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  TwoAgents agents(upstream->address());
  support::FakeClient client(agents.address());
  client.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(Says(client.ReadAll(), "200 OK"));
  EXPECT_TRUE(Says(upstream->last_head(), "host: cart\r\n")) << upstream->last_head();
}

// Else a client that has sent it all meanwhile asks again, on a connection that is about to close.
TEST(EdgesTest, AnAnswerThatComesBeforeALongBodySaysThatTheConnectionCloses) {
  support::Mesh mesh;
  mesh.Service("cart", {support::FakeUpstream::Refusing()});
  mesh.Start();
  for (const std::string framing : {"content-length: 65537", "transfer-encoding: chunked"}) {
    support::FakeClient client(mesh.address("service-cart"));
    client.Send("POST / HTTP/1.1\r\nhost: cart\r\n" + framing + "\r\n\r\n");
    const std::string head = client.ReadUntil("\r\n\r\n");
    EXPECT_TRUE(Says(head, "502") && Says(head, "connection: close\r\n")) << head;
  }
}

TEST(EdgesTest, AnAnswerThatComesBeforeAShortBodyLeavesTheConnectionForTheNextRequest) {
  support::Mesh mesh;
  mesh.Service("cart", {support::FakeUpstream::Refusing()});
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  client.Send("POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 65536\r\n\r\n");
  const std::string head = client.ReadUntil("\r\n\r\n");
  EXPECT_TRUE(Says(head, "502") && !Says(head, "connection: close")) << head;
  client.Send(std::string(65'536, 'x'));
  EXPECT_TRUE(Says(client.Get(), "502"));
}

TEST(EdgesTest, AGrpcCallerGetsAStatusItUnderstands) {
  support::Mesh mesh;
  mesh.Service("cart", {support::FakeUpstream::Refusing()}).retry.enabled = false;
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  const std::string answer = client.Get("/", "content-type: application/grpc+proto\r\nte: trailers\r\n");
  EXPECT_TRUE(Says(answer, "200 OK") && Says(answer, "grpc-status: 14\r\n")) << answer;
  EXPECT_TRUE(Says(answer, "x-weft-reason: connect_failed")) << answer;
}

TEST(EdgesTest, WhatRunsWhenTheDrainIsOverIsAnswered503Shutdown) {
  std::unique_ptr<support::FakeUpstream> hanging(support::FakeUpstream::Hanging());
  support::Mesh mesh;
  mesh.Service("cart", {hanging->address()});
  mesh.Start();
  support::FakeClient idle(mesh.address("service-cart")), client(mesh.address("service-cart"));
  client.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  ASSERT_TRUE(support::WaitUntil([&] { return hanging->requests() == 1; }));
  mesh.forwarder().CloseAll();
  const std::string answer = client.ReadAll();
  EXPECT_TRUE(Says(answer, "503") && Says(answer, "x-weft-reason: shutdown")) << answer;
  EXPECT_TRUE(Says(answer, "connection: close")) << answer;
  EXPECT_EQ(idle.ReadAll(), "");
}

TEST(EdgesTest, AnAnswerBeforeAnExpectedBodyEndsTheConnectionAndSaysSo) {
  support::Mesh mesh;
  mesh.Service("cart", {support::FakeUpstream::Refusing()}).retry.enabled = false;
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  client.Send("POST / HTTP/1.1\r\nhost: cart\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
  EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\n"), "connection: close"));
}

TEST(EdgesTest, AnswersWithoutABodyLeaveTheConnectionUsableThroughTwoAgents) {
  support::FakeUpstream upstream([](const std::string& head, const std::string&) -> std::string {
    if (Says(head, "HEAD ")) return "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n";
    if (Says(head, "/none")) return "HTTP/1.1 204 No Content\r\n\r\n";
    if (Says(head, "/same")) return "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-length: 7\r\n\r\n";
    return "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nhello!\n";
  });
  TwoAgents agents(upstream.address());
  support::FakeClient client(agents.address());
  for (int round = 0; round < 3; ++round) {
    client.Send("HEAD /x HTTP/1.1\r\nhost: cart\r\n\r\n");
    EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\n"), "content-length: 7"));
    client.Send("GET /none HTTP/1.1\r\nhost: cart\r\n\r\n");
    const std::string none = client.ReadUntil("\r\n\r\n");
    EXPECT_TRUE(Says(none, "204") && !Says(none, "content-length")) << none;
    client.Send("GET /same HTTP/1.1\r\nhost: cart\r\n\r\n");
    EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\n"), "etag: \"a\""));
    EXPECT_TRUE(Says(client.Get("/x"), "hello!"));
  }
  EXPECT_EQ(upstream.connections(), 1);
}

TEST(EdgesTest, InterimAnswersAndTrailersPassTwoAgentsInBothDirections) {
  support::FakeUpstream upstream([](const std::string&, const std::string&) {
    return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 9\r\n\r\n";
  });
  TwoAgents agents(upstream.address());
  support::FakeClient client(agents.address());
  client.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\n"), "100 Continue"));
  EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\n"), "link: </a>"));
  EXPECT_TRUE(Says(client.ReadUntil("x-sum: 9\r\n\r\n"), "200 OK"));
}

TEST(EdgesTest, AHeadOfTheLargestLimitIsForwardedWithItsBody) {
  const std::unique_ptr<support::FakeUpstream> upstream(support::FakeUpstream::Echoing());
  support::Mesh mesh;
  mesh.options().worker.limits.head.head_bytes = 1 << 20;
  mesh.Service("cart", {upstream->address()});
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  client.Send("POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 2\r\nx-forwarded-for: " +
              std::string(900'000, 'a') + "\r\n\r\nhi");
  EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\n"), "200"));
  EXPECT_EQ(client.ReadBytes(2), "hi");
  EXPECT_EQ(mesh.Counted().reasons, std::vector{Reason::kOk});
}

// The body would stand where a head is expected.
TEST(EdgesTest, ARequestThatGrowsBeyondWhatCanBeWrittenIsRefusedAndNothingOfItIsSent) {
  const auto upstream = Saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  support::Mesh mesh;
  mesh.Service("cart", {upstream->address()});
  mesh.Route("cart").rules.front().request_headers.set.push_back({"x-rule", std::string(200'000, 'a')});
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  client.Send(
      "POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 31\r\n\r\nGET /evil HTTP/1.1\r\nhost: x\r\n\r\n");
  EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\n"), "431"));
  EXPECT_EQ(upstream->requests(), 0);
  EXPECT_EQ(mesh.Counted().reasons, std::vector{Reason::kHeadTooLarge});
}

TEST(EdgesTest, AnAnswerThatGrowsBeyondWhatCanBeWrittenBecomesA502) {
  const auto upstream = Saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
  support::Mesh mesh;
  mesh.Service("cart", {upstream->address()});
  mesh.Route("cart").rules.front().response_headers.set.push_back({"x-rule", std::string(200'000, 'a')});
  mesh.Start();
  for (int i = 0; i < 2; ++i) {
    support::FakeClient client(mesh.address("service-cart"));
    EXPECT_TRUE(Says(client.Get(), "upstream_head_too_large"));
  }
  EXPECT_EQ(upstream->requests(), 2);
}

TEST(EdgesTest, TheReasonOfTheCalleesAgentStaysOnTheLastAttempt) {
  support::Mesh server;
  server.Inbound("cart", support::FakeUpstream::Refusing());
  server.Start();
  support::Mesh mesh;
  mesh.Service("cart", {server.address("inbound-cart")}).retry.attempts = 1;
  mesh.MarkMeshed("cart");
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  const std::string answer = client.Get();
  EXPECT_TRUE(Says(answer, "502") && Says(answer, "x-weft-reason: connect_failed")) << answer;
}

// A mesh whose rule mirrors requests to cart to shadow.
struct Mirrored {
  explicit Mirrored(const net::Address& shadow) {
    mesh.Service("cart", {primary->address()});
    mesh.Service("shadow", {shadow});
    policy::RouteRule& rule = mesh.Route("cart").rules.front();
    rule.mirrors.push_back({{{"local", "default", "shadow"}, 80}, 1.0});
    rule.request_headers.set.push_back({"x-rule", "1"});
    mesh.Start();
  }
  // How many copies had this result.
  long Count(report::MirrorResult result) {
    const std::vector<report::MirrorResult> all = mesh.Counted().mirrored;
    return std::count(all.begin(), all.end(), result);
  }
  std::unique_ptr<support::FakeUpstream> primary{support::FakeUpstream::Echoing()};
  support::Mesh mesh;
};

TEST(MirrorTest, ACopyWithTheSameHostBodyAndFiltersIsSentAndItsAnswerThrownAway) {
  const auto shadow = Saying("HTTP/1.1 500 Broken\r\ncontent-length: 4\r\n\r\noops");
  Mirrored m(shadow->address());
  support::FakeClient client(m.mesh.address("service-cart"));
  for (int i = 1; i <= 5; ++i) {
    client.Send("POST /a?b=1 HTTP/1.1\r\nhost: cart.example\r\ncontent-length: 5\r\n\r\nhello");
    EXPECT_TRUE(Says(client.ReadUntil("hello"), "200 OK"));
    EXPECT_TRUE(support::WaitUntil([&] { return m.Count(report::MirrorResult::kAnswered) == i; }));
  }
  const std::string head = shadow->last_head();
  EXPECT_TRUE(Says(head, "POST /a?b=1 HTTP/1.1\r\nhost: cart.example\r\n")) << head;
  EXPECT_TRUE(Says(head, "x-rule: 1\r\n") && Says(head, "content-length: 5\r\n")) << head;
  EXPECT_EQ(shadow->connections(), 1);
  EXPECT_EQ(m.primary->requests(), 5);
  EXPECT_EQ(m.mesh.Counted().statuses.size(), 5U) << "copies are not counted as requests";
}

TEST(MirrorTest, AMirrorThatHangsOrRefusesNeitherDelaysNorFailsTheOriginal) {
  std::unique_ptr<support::FakeUpstream> hanging(support::FakeUpstream::Hanging());
  for (const net::Address& shadow : {hanging->address(), support::FakeUpstream::Refusing()}) {
    Mirrored m(shadow);
    support::FakeClient client(m.mesh.address("service-cart"));
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(Says(client.Get(), "200 OK"));
  }
}

TEST(MirrorTest, ABodyAbove64KiBIsNotMirroredAndCounted) {
  const auto shadow = Saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  Mirrored m(shadow->address());
  support::FakeClient client(m.mesh.address("service-cart"));
  const std::string body(65'537, 'x');
  client.Send("POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 65537\r\n\r\n" + body);
  client.ReadUntil("\r\n\r\n");
  EXPECT_TRUE(client.ReadBytes(body.size()) == body);
  const std::string edge(65'536, 'x');
  client.Send("POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 65536\r\n\r\n" + edge);
  client.ReadUntil("\r\n\r\n");
  EXPECT_TRUE(client.ReadBytes(edge.size()) == edge);
  EXPECT_TRUE(support::WaitUntil([&] { return m.Count(report::MirrorResult::kAnswered) == 1; }));
  EXPECT_EQ(m.Count(report::MirrorResult::kOverflow), 1);
  EXPECT_EQ(shadow->requests(), 1);
}

TEST(MirrorTest, ARequestThatIsCutBeforeItsEndIsNotMirrored) {
  const auto shadow = Saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  Mirrored m(shadow->address());
  {
    support::FakeClient client(m.mesh.address("service-cart"));
    client.Send("POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 10\r\n\r\nhalf");
    EXPECT_TRUE(support::WaitUntil([&] { return m.primary->connections() == 1; }));
  }
  EXPECT_TRUE(support::WaitUntil([&] { return m.Count(report::MirrorResult::kIncomplete) == 1; }));
  EXPECT_EQ(shadow->requests(), 0);
}

TEST(ConnectTest, ATunnelLeadsToATcpPortAndBytesSentEarlyArrive) {
  std::unique_ptr<support::FakeUpstream> echo(support::FakeUpstream::Echoing());
  support::Mesh mesh;
  mesh.Service("db", {echo->address()}, policy::Protocol::kTcp);
  mesh.Start();
  support::FakeClient client(mesh.address("outbound"));
  client.Send("CONNECT db:80 HTTP/1.1\r\nhost: db:80\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc");
  EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 200 "));
  EXPECT_TRUE(Says(client.ReadUntil("abc"), "200 OK"));
  client.Send("POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi");
  EXPECT_TRUE(Says(client.ReadUntil("\r\n\r\nhi"), "200 OK"));
  client.HalfClose();
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_TRUE(support::WaitUntil([&] { return mesh.Counted().open == 0; }));
  EXPECT_EQ(mesh.Counted().statuses, std::vector<std::uint16_t>{200});
}

TEST(ConnectTest, WhereNobodyListensTheAnswerSaysSo) {
  support::Mesh mesh;
  mesh.Service("db", {support::FakeUpstream::Refusing()}, policy::Protocol::kTcp).retry.enabled = false;
  mesh.Start();
  support::FakeClient client(mesh.address("outbound"));
  client.Send("CONNECT db:80 HTTP/1.1\r\nhost: db:80\r\n\r\n");
  const std::string answer = client.ReadUntil("\r\n\r\n");
  EXPECT_TRUE(Says(answer, "502") && Says(answer, "x-weft-reason: connect_failed")) << answer;
}

TEST(ConnectTest, AnHttpPortAndAnUnknownHostAreRefusedWithWhatToChange) {
  const auto upstream = Saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  support::Mesh mesh;
  mesh.Service("cart", {upstream->address()});
  mesh.Start();
  for (const auto& [host, reason] :
       {std::pair{"cart:80", "connect_denied"}, {"else:80", "unknown_service"}}) {
    support::FakeClient client(mesh.address("outbound"));
    client.Send("CONNECT " + std::string(host) + " HTTP/1.1\r\nhost: " + host + "\r\n\r\n");
    const std::string answer = client.ReadUntil("\r\n\r\n");
    EXPECT_TRUE(Says(answer, reason)) << answer;
  }
  EXPECT_EQ(upstream->connections(), 0);
}

TEST(ConnectTest, AClientThatLeavesWhileWeConnectLeavesNothingBehind) {
  support::Mesh mesh;
  mesh.Service("db", {{net::Ip::V4(127, 255, 255, 255), 9}}, policy::Protocol::kTcp).retry.enabled = false;
  mesh.Start();
  { support::FakeClient(mesh.address("outbound")).Send("CONNECT db:80 HTTP/1.1\r\nhost: db:80\r\n\r\n"); }
  EXPECT_TRUE(support::WaitUntil([&] { return mesh.Counted().open == 0; }));
}

}  // namespace
}  // namespace weft
