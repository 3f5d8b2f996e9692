// Requests through one worker: what clients send, what upstreams do, what comes out.
#include <gtest/gtest.h>

#include <future>

#include "tests/support/mesh.h"
#include "tests/support/upstream.h"

namespace weft {
namespace {

using support::FakeClient;
using support::FakeUpstream;
using support::Has;
using support::Mesh;
using support::WaitUntil;

struct RequestsTest : testing::Test {
  std::unique_ptr<FakeUpstream> ok{FakeUpstream::Answering(200, "hello")};
};

TEST_F(RequestsTest, OneConnectionServesManyRequestsOverOneUpstreamConnection) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Has(client.Get(), "\r\n\r\nhello"));
  EXPECT_EQ(ok->connections(), 1);
  EXPECT_EQ(ok->requests(), 50);
}

TEST_F(RequestsTest, PipelinedRequestsAreAnsweredInOrder) {
  std::unique_ptr<FakeUpstream> echo(FakeUpstream::Echoing());
  Mesh mesh;
  mesh.Service("cart", {echo->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  std::string all;
  for (int i = 0; i < 10; ++i)
    all += "POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 1\r\n\r\n" + std::to_string(i);
  client.Send(all);
  for (int i = 0; i < 10; ++i) {
    client.ReadUntil("\r\n\r\n");
    EXPECT_EQ(client.ReadBytes(1), std::to_string(i));
  }
}

TEST_F(RequestsTest, AHeadThatArrivesByteByByteIsRead) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  for (const char c : std::string("GET / HTTP/1.1\r\nhost: cart\r\n\r\n")) client.Send({c});
  EXPECT_TRUE(Has(client.ReadUntil("hello"), "200"));
}

TEST_F(RequestsTest, ABodyOfAMegabyteComesBackAsItWentInEitherCoding) {
  std::unique_ptr<FakeUpstream> echo(FakeUpstream::Echoing());
  Mesh mesh;
  mesh.Service("cart", {echo->address()});
  mesh.Start();
  std::string body(1'000'000, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  FakeClient client(mesh.address("service-cart"));
  client.Send("POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 1000000\r\n\r\n" + body);
  client.ReadUntil("\r\n\r\n");
  EXPECT_TRUE(client.ReadBytes(body.size()) == body);
}

TEST_F(RequestsTest, ChunkedBodiesAndTrailersGoThrough) {
  auto upstream = std::make_unique<FakeUpstream>([](const std::string&, const std::string&) {
    return "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: "
           "7\r\n\r\n";
  });
  Mesh mesh;
  mesh.Service("cart", {upstream->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  EXPECT_TRUE(Has(client.ReadUntil("x-sum: 7\r\n\r\n"), "5\r\nhello\r\n0\r\n"));
}

TEST_F(RequestsTest, AnOldClientGetsABodyUntilClose) {
  auto upstream = std::make_unique<FakeUpstream>([](const std::string&, const std::string&) {
    return "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  });
  Mesh mesh;
  mesh.Service("cart", {upstream->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send("GET / HTTP/1.0\r\nhost: cart\r\n\r\n");
  const std::string all = client.ReadAll();
  EXPECT_TRUE(Has(all, "\r\n\r\nhello")) << all;
  EXPECT_FALSE(Has(all, "chunked"));
}

TEST_F(RequestsTest, ABodyWithoutLengthEndsWithItsConnectionAlsoWhenBothArriveTogether) {
  auto upstream = std::make_unique<FakeUpstream>(
      [](const std::string&, const std::string&) { return std::string("HTTP/1.0 200 OK\r\n\r\nbye?"); });
  Mesh mesh;
  mesh.Service("cart", {upstream->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  for (int i = 0; i < 20; ++i) {
    client.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
    EXPECT_TRUE(Has(client.ReadUntil("0\r\n\r\n"), "4\r\nbye?\r\n"));
  }
}

TEST_F(RequestsTest, InterimResponsesAreRelayed) {
  auto upstream = std::make_unique<FakeUpstream>([](const std::string&, const std::string&) {
    return "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
  });
  Mesh mesh;
  mesh.Service("cart", {upstream->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  EXPECT_TRUE(Has(client.ReadUntil("\r\n\r\n"), "103"));
  EXPECT_TRUE(Has(client.ReadUntil("ok"), "200"));
}

TEST_F(RequestsTest, MeshFieldsAreAddedAndForeignOnesStripped) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Get("/",
             "x-request-id: my-id\r\nx-weft-secret: 1\r\nx-weft-deadline-ms: 5000\r\nupgrade: "
             "h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AA\r\n");
  const std::string head = ok->last_head();
  EXPECT_TRUE(Has(head, "x-request-id: my-id\r\n")) << head;
  EXPECT_TRUE(Has(head, "x-forwarded-for: 127.0.0.1\r\n")) << head;
  EXPECT_TRUE(Has(head, "x-weft-attempt: 1\r\n")) << head;
  EXPECT_TRUE(Has(head, "x-weft-deadline-ms: 49")) << head;
  EXPECT_FALSE(Has(head, "secret")) << head;
  EXPECT_FALSE(Has(head, "pgrade")) << head;
}

TEST_F(RequestsTest, WhatConnectionNamesGoesButCannotTakeWhatTheMeshAdds) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Get("/",
             "x-forwarded-proto: https\r\nx-forwarded-for: 10.0.0.1\r\nx-request-id: mine\r\n"
             "connection: x-forwarded-proto, x-forwarded-for, x-request-id\r\n");
  const std::string head = ok->last_head();
  EXPECT_TRUE(Has(head, "x-forwarded-proto: http\r\n")) << head;
  EXPECT_TRUE(Has(head, "x-forwarded-for: 127.0.0.1\r\n")) << head;
  EXPECT_TRUE(Has(head, "\r\nx-request-id: ") && !Has(head, "mine")) << head;
}

TEST_F(RequestsTest, WhatIsNoRequestIsRefusedAndTheConnectionCloses) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n");
  const std::string all = client.ReadAll();
  EXPECT_TRUE(Has(all, "400") && Has(all, "x-weft-reason: bad_request")) << all;
}

TEST_F(RequestsTest, ARefusalArrivesAlsoWhenMuchMoreWasSentThanIsRead) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send("GET / HTTP/1.1\r\nhost: a\r\nx: " + std::string(300'000, 'a') + "\r\n\r\n");
  EXPECT_TRUE(Has(client.ReadAll(), "431"));
}

TEST_F(RequestsTest, ARefusingInstanceIsRetriedOnAnotherAndTheClientSeesNothing) {
  Mesh mesh;
  mesh.Service("cart", {FakeUpstream::Refusing(), ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Has(client.Get(), "200"));
}

TEST_F(RequestsTest, AllInstancesRefusingIsA502WithItsReason) {
  Mesh mesh;
  mesh.Service("cart", {FakeUpstream::Refusing()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Has(client.Get(), "x-weft-reason: connect_failed"));
}

TEST_F(RequestsTest, AGetWhoseConnectionClosedWithoutAnAnswerIsRepeatedAPostIsNot) {
  std::unique_ptr<FakeUpstream> closing(FakeUpstream::Closing());
  Mesh mesh;
  policy::ServicePolicy& policy = mesh.Service("cart", {closing->address()});
  policy.retry.attempts = 2;
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Has(client.Get(), "x-weft-reason: upstream_reset"));
  EXPECT_EQ(closing->requests(), 3);
  client.Send("POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 2\r\n\r\nhi");
  EXPECT_TRUE(Has(client.ReadUntil(")\n"), "x-weft-reason: upstream_reset"));
  EXPECT_EQ(closing->requests(), 4);
}

TEST_F(RequestsTest, AResponseThatBreaksOffIsCutAndCannotLookComplete) {
  std::unique_ptr<FakeUpstream> truncating(FakeUpstream::Truncating());
  Mesh mesh;
  mesh.Service("cart", {truncating->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  EXPECT_TRUE(Has(client.ReadAll(), "<reset>"));
  const support::CountingSink counted = mesh.Counted();
  ASSERT_EQ(counted.reasons.size(), 1U);
  EXPECT_EQ(counted.reasons[0], Reason::kUpstreamTruncated);
}

TEST_F(RequestsTest, AHangingInstanceTimesOutByAttemptAndByRequest) {
  std::unique_ptr<FakeUpstream> hanging(FakeUpstream::Hanging());
  Mesh mesh;
  policy::ServicePolicy& policy = mesh.Service("cart", {hanging->address()});
  policy.timeouts.attempt = std::chrono::milliseconds(30);
  policy.retry.attempts = 1;
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Has(client.Get(), "x-weft-reason: attempt_timeout"));
  EXPECT_EQ(hanging->requests(), 2);
  EXPECT_TRUE(Has(client.Get("/", "x-weft-deadline-ms: 10\r\n"), "x-weft-reason: caller_deadline"));
}

TEST_F(RequestsTest, TheCapOfConnectionsIsExactAndOthersWaitTheirTurn) {
  Mesh mesh;
  policy::ServicePolicy& policy = mesh.Service("cart", {ok->address()});
  policy.connection_pool.max_connections = 2;
  mesh.options().workers = 2;
  mesh.Start();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      FakeClient client(mesh.address("service-cart"));
      for (int n = 0; n < 20; ++n) good += Has(client.Get(), "200") ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 320);
  EXPECT_LE(ok->most_open(), 2);
}

TEST_F(RequestsTest, ConnectingIsNotWaitingForAConnection) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Has(client.Get(), "200"));
  const support::CountingSink counted = mesh.Counted();
  EXPECT_EQ(counted.new_connections, 1);
  EXPECT_EQ(counted.waits, 0);
}

TEST_F(RequestsTest, ATimeInTheQueueIsAWaitForAConnection) {
  std::promise<void> release;
  const std::shared_future<void> released(release.get_future());
  FakeUpstream slow([&](const std::string&, const std::string&) {
    released.wait();
    return std::string("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  });
  Mesh mesh;
  mesh.Service("cart", {slow.address()}).connection_pool.max_connections = 1;
  mesh.Start();
  FakeClient first(mesh.address("service-cart")), second(mesh.address("service-cart"));
  first.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  second.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  EXPECT_TRUE(WaitUntil([&] {
    std::uint32_t waiting = 0;
    mesh.OnWorker([&](forward::Worker& worker) {
      for (const auto& backend : worker.engine().backends()) waiting += backend->waiting;
    });
    return waiting == 1;
  }));
  release.set_value();
  EXPECT_TRUE(WaitUntil([&] { return mesh.Counted().reasons.size() == 2; }));
  EXPECT_EQ(mesh.Counted().waits, 1);
}

TEST_F(RequestsTest, AnAbortingClientLeavesNothingBehind) {
  std::unique_ptr<FakeUpstream> hanging(FakeUpstream::Hanging());
  Mesh mesh;
  mesh.Service("cart", {hanging->address()});
  mesh.Start();
  {
    FakeClient client(mesh.address("service-cart"));
    client.Send("POST / HTTP/1.1\r\nhost: cart\r\ncontent-length: 100\r\n\r\nhalf");
    EXPECT_TRUE(WaitUntil([&] { return hanging->connections() == 1; }));
  }
  EXPECT_TRUE(WaitUntil([&] { return mesh.Counted().open == 0; }));
  const support::CountingSink counted = mesh.Counted();
  ASSERT_EQ(counted.reasons.size(), 1U);
  EXPECT_EQ(counted.reasons[0], Reason::kClientClosed);
}

TEST_F(RequestsTest, AClientThatClosesWhileItWaitsIsTakenToHaveLeft) {
  std::unique_ptr<FakeUpstream> hanging(FakeUpstream::Hanging());
  Mesh mesh;
  mesh.Service("cart", {hanging->address()});
  mesh.Start();
  {
    FakeClient client(mesh.address("service-cart"));
    client.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
    EXPECT_TRUE(WaitUntil([&] { return hanging->requests() == 1; }));
  }
  EXPECT_TRUE(WaitUntil([&] { return mesh.Counted().open == 0; }));
  EXPECT_EQ(mesh.Counted().reasons, std::vector{Reason::kClientClosed});
}

TEST_F(RequestsTest, AClientThatClosesItsDirectionStillGetsItsAnswer) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n");
  client.HalfClose();
  const std::string all = client.ReadAll();
  EXPECT_TRUE(Has(all, "HTTP/1.1 200 ")) << all;
}

TEST_F(RequestsTest, InboundMarksResponsesOnlyWhileDrainingAndOnlyTowardAgents) {
  Mesh mesh;
  mesh.Inbound("cart", ok->address());
  mesh.Start();
  FakeClient agent(mesh.address("inbound-cart"));
  const std::string before = agent.Get("/", "x-weft-attempt: 1\r\n");
  EXPECT_TRUE(Has(before, "x-weft-load: in_flight=")) << before;
  EXPECT_FALSE(Has(before, "x-weft-drain"));
  mesh.OnWorker([](forward::Worker& worker) { worker.BeginDrain(); });
  const std::string after = agent.Get("/", "x-weft-attempt: 1\r\n");
  EXPECT_TRUE(Has(after, "x-weft-drain: 1") && Has(after, "connection: close")) << after;
  FakeClient other(mesh.address("inbound-cart"));
  EXPECT_FALSE(Has(other.Get(), "x-weft-"));
}

TEST_F(RequestsTest, ASwapOfTheSnapshotDropsNoRequest) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  for (int i = 0; i < 50; ++i) {
    mesh.Reinstall();
    EXPECT_TRUE(Has(client.Get(), "200"));
  }
}

TEST_F(RequestsTest, AnInstanceThatMovedIsNotAskedWhereItWas) {
  std::unique_ptr<FakeUpstream> elsewhere(FakeUpstream::Answering(200, "moved"));
  Mesh mesh;
  mesh.Service("cart", {ok->address()});
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Has(client.Get(), "hello"));
  mesh.Move("cart", elsewhere->address());
  mesh.OnWorker([](forward::Worker&) {});  // it has the new snapshot
  EXPECT_TRUE(Has(client.Get(), "moved"));
  mesh.Move("cart", ok->address());
  mesh.OnWorker([](forward::Worker&) {});
  EXPECT_TRUE(Has(client.Get(), "hello"));
  EXPECT_EQ(elsewhere->requests(), 1);
}

TEST_F(RequestsTest, OpaqueBytesOfATcpServiceAreRelayedBothWaysWithHalfClose) {
  std::unique_ptr<FakeUpstream> echo(FakeUpstream::Echoing());
  Mesh mesh;
  mesh.Service("cart", {echo->address()}, policy::Protocol::kTcp);
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  client.Send("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc");
  EXPECT_TRUE(Has(client.ReadUntil("abc"), "200"));
  client.HalfClose();
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_TRUE(WaitUntil([&] { return mesh.Counted().open == 0; }));
}

TEST_F(RequestsTest, AnUndeclaredPortIsRecognisedByItsFirstBytes) {
  Mesh mesh;
  mesh.Service("cart", {ok->address()}, policy::Protocol::kDetect);
  mesh.Start();
  FakeClient client(mesh.address("service-cart"));
  EXPECT_TRUE(Has(client.Get(), "200"));
  EXPECT_EQ(mesh.Counted().statuses.size(), 1U) << "it went the HTTP way";
}

}  // namespace
}  // namespace weft
