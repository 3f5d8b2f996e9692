// HTTP/2 through one worker: streams, the four translations, cancels, GOAWAY in both roles, peers that
// misbehave.
#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "agent/codec/http2/ends_for_tests.h"
#include "tests/support/http2.h"
#include "tests/support/mesh.h"
#include "tests/support/upstream.h"

namespace weft {
namespace {

using policy::Protocol;
using support::Dial;
using support::FakeClient;
using support::FakeUpstream;
using support::Has;
using support::Http2End;
using support::Http2Upstream;
using support::Mesh;
using support::Message;
using support::WaitUntil;

Message Get(const std::string& path) {
  Message get;
  get.target = path;
  return get;
}

Message Saying(int status, const std::string& body) {
  Message answer;
  answer.status = status;
  answer.body = body;
  return answer;
}

// A mesh with service "cart", and a client of it.
struct Http2Test : testing::Test {
  Mesh mesh;
  std::unique_ptr<Http2End> client;

  void Start(const std::vector<net::Address>& instances, Protocol protocol = Protocol::kHttp2) {
    policy_ = &mesh.Service("cart", instances, protocol);
  }
  Http2End& Client() {
    if (client == nullptr) {
      mesh.Start();
      client = std::make_unique<Http2End>(Dial(mesh.address("service-cart")), http2::Role::kClient);
    }
    return *client;
  }
  static Message Post(const std::string& body) {
    Message post;
    post.method = "POST";
    post.body = body;
    return post;
  }
  policy::ServicePolicy* policy_ = nullptr;
};

TEST_F(Http2Test, StreamsOfOneConnectionShareOneUpstreamConnection) {
  Http2Upstream server(Http2Upstream::Saying(200, "hello"));
  Start({server.address()});
  std::vector<std::size_t> streams;
  for (int i = 0; i < 50; ++i) streams.push_back(Client().Ask({}));
  for (const std::size_t each : streams) {
    EXPECT_EQ(client->Await(each).body, "hello");
    EXPECT_EQ(client->at(each).status, 200);
  }
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(server.requests(), 50);
  EXPECT_EQ(server.last().authority, "cart");
  EXPECT_EQ(server.last().Field("x-weft-attempt"), "1");
}

TEST_F(Http2Test, ToAPortOfHttpItGoesOnInHttp1) {
  std::unique_ptr<FakeUpstream> ok(FakeUpstream::Answering(200, "hello"));
  Start({ok->address()}, Protocol::kHttp);
  Message get = Get("/x?y");
  get.fields = {{"cookie", "a=1"}, {"cookie", "b=2"}, {"te", "trailers"}, {"x-Case", "Kept"}};
  const Message& answer = Client().Await(Client().Ask(get));
  EXPECT_EQ(answer.body, "hello");
  const std::string head = ok->last_head();
  EXPECT_TRUE(Has(head, "GET /x?y HTTP/1.1\r\nhost: cart\r\n")) << head;
  EXPECT_TRUE(Has(head, "cookie: a=1; b=2\r\n")) << head;
  EXPECT_TRUE(Has(head, "te: trailers\r\n")) << head;
  EXPECT_TRUE(Has(head, "x-case: Kept\r\n")) << head;
  EXPECT_EQ(answer.Field("content-length"), "5");
  EXPECT_EQ(answer.Field("connection"), "");
}

TEST_F(Http2Test, AnHttp1ClientOfAnHttp2PortIsTranslated) {
  Http2Upstream server([](Http2End& end, std::size_t stream) {
    Message answer;
    answer.interim = {103};
    answer.body = "got " + end.at(stream).body;
    answer.trailers = {{"checksum", "1"}};
    end.Answer(stream, answer);
  });
  Start({server.address()});
  mesh.Start();
  FakeClient http1(mesh.address("service-cart"));
  http1.Send(
      "POST /x HTTP/1.1\r\nhost: cart:80\r\nconnection: x-own\r\nx-own: 1\r\ntransfer-encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  const std::string answer = http1.ReadUntil("checksum: 1\r\n\r\n");
  EXPECT_TRUE(Has(answer, "HTTP/1.1 103 ")) << answer;
  EXPECT_TRUE(Has(answer, "HTTP/1.1 200 OK")) << answer;
  EXPECT_TRUE(Has(answer, "transfer-encoding: chunked\r\n")) << answer;
  EXPECT_TRUE(Has(answer, "\r\ngot abc\r\n0\r\n")) << answer;
  EXPECT_EQ(server.last().authority, "cart:80");
  EXPECT_EQ(server.last().target, "/x");
  EXPECT_EQ(server.last().Field("x-own"), "");
  EXPECT_EQ(server.last().Field("transfer-encoding"), "");
  http1.Send("GET /y HTTP/1.1\r\nhost: cart\r\n\r\n");  // the connection is still good
  EXPECT_TRUE(Has(http1.ReadUntil("checksum: 1\r\n\r\n"), "got "));
}

TEST_F(Http2Test, ResponsesWithoutABodyEndTowardHttp1) {
  Http2Upstream server([](Http2End& end, std::size_t stream) {
    Message answer;
    answer.status = end.at(stream).target == "/204" ? 204 : 200;
    if (end.at(stream).method == "HEAD") answer.fields = {{"content-length", "7"}};
    end.Answer(stream, answer);
  });
  Start({server.address()});
  mesh.Start();
  FakeClient http1(mesh.address("service-cart"));
  EXPECT_TRUE(Has(http1.Get("/"), "content-length: 0\r\n"));
  http1.Send("GET /204 HTTP/1.1\r\nhost: cart\r\n\r\nHEAD / HTTP/1.1\r\nhost: cart\r\n\r\n");
  EXPECT_TRUE(Has(http1.ReadUntil("\r\n\r\n"), "HTTP/1.1 204"));
  EXPECT_TRUE(Has(http1.ReadUntil("\r\n\r\n"), "content-length: 7\r\n"));
}

TEST_F(Http2Test, AnUndeclaredPortIsAskedInTheClientsVersion) {
  Http2Upstream server(Http2Upstream::Saying(200, "h2"));
  Start({server.address()}, Protocol::kDetect);
  EXPECT_EQ(Client().Await(Client().Ask({})).body, "h2");
}

TEST_F(Http2Test, TrailersPassAndABodyOfAMegabyteComesBackWhole) {
  Http2Upstream server([](Http2End& end, std::size_t stream) {
    Message answer;
    answer.body = end.at(stream).body;
    answer.trailers = {{"was", end.at(stream).Trailer("sum")}};
    end.Answer(stream, answer);
  });
  Start({server.address()});
  Message post = Post(std::string(1 << 20, 'x'));
  post.trailers = {{"sum", "42"}};
  const std::size_t stream = Client().Ask(post);
  EXPECT_EQ(client->Await(stream).body.size(), post.body.size());
  EXPECT_EQ(client->at(stream).Trailer("was"), "42");
}

TEST_F(Http2Test, OneStreamThatDoesNotReadHoldsNoOtherUp) {
  Http2Upstream server([](Http2End& end, std::size_t stream) {
    Message answer;
    answer.body = std::string(end.at(stream).target == "/big" ? 8 << 20 : 1000, 'x');
    end.Answer(stream, answer);
  });
  Start({server.address()});
  Client().credit = false;
  const std::size_t big = client->Ask(Get("/big"));
  client->Until([&] { return client->at(big).body.size() >= http2::Limits{}.stream_window; });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client->Await(client->Ask({})).body.size(), 1000U);
  EXPECT_EQ(client->at(big).body.size(), http2::Limits{}.stream_window);
}

TEST_F(Http2Test, ACancelReachesTheInstance) {
  Http2Upstream server([](Http2End& end, std::size_t stream) {
    if (end.at(stream).target == "/again") end.Answer(stream, Saying(200, "x"));
  });
  Start({server.address()});
  const std::size_t stream = Client().Ask({});
  ASSERT_TRUE(WaitUntil([&] { return server.requests() == 1; }));
  client->Reset(stream);
  EXPECT_TRUE(WaitUntil([&] { return server.resets() == 1; }));
  EXPECT_EQ(client->Await(client->Ask(Get("/again"))).reset, -1) << "the connection went on";
}

TEST_F(Http2Test, AClientThatLeavesCancelsItsStreams) {
  Http2Upstream server([](Http2End&, std::size_t) {});
  Start({server.address()});
  for (int i = 0; i < 3; ++i) Client().Ask({});
  ASSERT_TRUE(WaitUntil([&] { return server.requests() == 3; }));
  client.reset();
  EXPECT_TRUE(WaitUntil([&] { return server.resets() == 3; }));
}

TEST_F(Http2Test, WhatAGoawayLeavesUnprocessedRunsElsewhereOnceEvenAPost) {
  std::atomic<int> processed{0};
  Http2Upstream good([&](Http2End& end, std::size_t stream) {
    ++processed;
    end.Answer(stream, Saying(200, "done"));
  });
  Http2Upstream leaving([](Http2End& end, std::size_t) { end.session().Goaway(http2::ErrorCode::kNone); });
  leaving.on_open = [](Http2End& end) {  // takes nothing: the last stream is zero
    end.on_head = [&end](std::size_t stream) { end.Reset(stream, http2::ErrorCode::kRefused); };
  };
  Start({leaving.address(), good.address()});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Client().Await(Client().Ask(Post("x"))).body, "done");
  EXPECT_EQ(processed, 20);
}

// Each connection of one instance ends by GOAWAY in the middle of what it was sent. What it had begun it
// finishes.
TEST_F(Http2Test, AGoawayInTheMiddleOfABurstRunsEveryPostOnce) {
  std::mutex mutex;
  std::map<std::string, int> effects;
  const auto serve = [&](Http2End& end, std::size_t stream) {
    {
      const std::lock_guard lock(mutex);
      ++effects[end.at(stream).body];
    }
    end.Answer(stream, Saying(200, "done"));
  };
  Http2Upstream steady(serve), leaving([&](Http2End&end, std::size_t stream) {
    serve(end, stream);
    if (stream == 10) end.session().Goaway(http2::ErrorCode::kNone);
  });
  Start({leaving.address(), steady.address()});
  constexpr int kBursts = 10, kEach = 60;
  for (int burst = 0; burst < kBursts; ++burst) {
    std::vector<std::size_t> streams;
    for (int i = 0; i < kEach; ++i)
      streams.push_back(Client().Ask(Post(std::to_string(burst) + "-" + std::to_string(i))));
    for (const std::size_t each : streams) EXPECT_EQ(client->Await(each).body, "done");
  }
  EXPECT_GT(leaving.connections(), 1);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(effects.size(), static_cast<std::size_t>(kBursts * kEach));
  for (const auto& [body, count] : effects) EXPECT_EQ(count, 1) << body;
}

TEST_F(Http2Test, AProcessedPostIsNotRepeatedWhenItsConnectionBreaks) {
  std::atomic<int> seen{0};
  Http2Upstream breaking([&](Http2End& end, std::size_t) {
    ++seen;
    end.Raw("this is no frame, and far too long to be one");
    end.session().Terminate(http2::ErrorCode::kInternal);
  });
  Start({breaking.address(), breaking.address()});
  const Message& answer = Client().Await(Client().Ask(Post("x")));
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(seen, 1);
}

TEST_F(Http2Test, RequestsWaitWhenTheInstanceAllowsFewStreams) {
  std::atomic<int> most{0}, open{0};
  http2::Limits few;
  few.streams = 2;
  Http2Upstream server(
      [&](Http2End& end, std::size_t stream) {
        most = std::max<int>(most, ++open);
        end.Answer(stream, Saying(200, "x"));
        --open;
      },
      few);
  Start({server.address()});
  policy_->connection_pool.max_connections = 1;
  std::vector<std::size_t> streams;
  for (int i = 0; i < 150; ++i) streams.push_back(Client().Ask({}));
  for (const std::size_t each : streams) EXPECT_EQ(client->Await(each).status, 200) << each;
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Http2Test, AnInstanceThatRefusesConnectionsIsAnsweredFor) {
  Start({FakeUpstream::Refusing()});
  const Message& answer = Client().Await(Client().Ask({}));
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.Field("x-weft-reason"), "connect_failed");
}

TEST_F(Http2Test, AnAnswerOfOursHasNoBodyWhereTheClientTakesNone) {
  Start({FakeUpstream::Refusing()});
  Client();
  http2::Limits closed;
  closed.stream_window = 0;
  Http2End slow(Dial(mesh.address("service-cart")), http2::Role::kClient, closed);
  const Message& answer = slow.Await(slow.Ask({}));
  EXPECT_EQ(answer.status, 502);
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.Field("x-weft-reason"), "connect_failed");
}

TEST_F(Http2Test, AGrpcCallerGetsTrailersOnly) {
  Start({FakeUpstream::Refusing()}, Protocol::kGrpc);
  Message call = Post("x");
  call.fields = {{"content-type", "application/grpc"}, {"te", "trailers"}};
  const Message& answer = Client().Await(Client().Ask(call));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Field("grpc-status"), "14");
  EXPECT_EQ(answer.Field("content-length"), "");
}

// A gRPC call whose caller waits that long.
Message CallWithin(const std::string& timeout) {
  Message call;
  call.method = "POST";
  call.body = "x";
  call.fields = {{"content-type", "application/grpc"}, {"te", "trailers"}, {"grpc-timeout", timeout}};
  return call;
}

TEST_F(Http2Test, AGrpcCallWhoseAnswerHasBegunEndsWithTheCodeOfItsDeadline) {
  Http2Upstream server([](Http2End& end, std::size_t stream) {
    Message head;
    head.has_body = true;
    end.Answer(stream, head, false);
  });
  Start({server.address()}, Protocol::kGrpc);
  const Message& answer = Client().Await(Client().Ask(CallWithin("200m")));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.reset, -1);
  EXPECT_EQ(answer.Trailer("grpc-status"), "4");
  EXPECT_EQ(answer.Trailer("grpc-message"), "the caller's own deadline passed");
  EXPECT_EQ(answer.Trailer("x-weft-reason"), "caller_deadline");
  EXPECT_TRUE(WaitUntil([&] { return server.resets() == 1; }));
}

// Its share of the deadline is shorter, so that it ends first.
TEST_F(Http2Test, WhatAnInstanceResetsAtTheDeadlineIsTheDeadline) {
  Http2Upstream server([](Http2End& end, std::size_t stream) { end.Reset(stream); });
  Start({server.address()}, Protocol::kGrpc);
  const Message& late = Client().Await(Client().Ask(CallWithin("1m")));
  EXPECT_EQ(late.Field("grpc-status"), "4");
  EXPECT_EQ(late.Field("x-weft-reason"), "caller_deadline");
  const Message& early = client->Await(client->Ask(CallWithin("1M")));
  EXPECT_EQ(early.Field("grpc-status"), "14");
  EXPECT_EQ(early.Field("x-weft-reason"), "upstream_reset");
}

TEST_F(Http2Test, AnAnswerBeforeTheRequestEndedStopsTheUpload) {
  Http2Upstream server([](Http2End& end, std::size_t stream) { end.Answer(stream, Saying(413, {})); });
  server.serve_heads = true;
  Start({server.address()});
  const std::size_t stream = Client().Ask(Post(std::string(1 << 20, 'x')), false);
  EXPECT_TRUE(client->Until([&] { return client->at(stream).closed; }));
  EXPECT_EQ(client->at(stream).status, 413);
  EXPECT_TRUE(client->at(stream).ended);
}

TEST_F(Http2Test, BothDirectionsOfAStreamGoOnByThemselves) {
  Http2Upstream server([](Http2End& end, std::size_t stream) {
    Message head;
    head.has_body = true;
    end.Answer(stream, head, false);
  });
  server.serve_heads = true;
  Start({server.address()});
  const std::size_t stream = Client().Ask(Post(""), false);
  ASSERT_TRUE(client->Until([&] { return client->at(stream).begun; }));
  EXPECT_FALSE(client->at(stream).ended);
  client->SendData(stream, "more", false);
  ASSERT_TRUE(WaitUntil([&] { return server.requests() == 1; }));
  client->Reset(stream);
  EXPECT_TRUE(WaitUntil([&] { return server.resets() == 1; }));
}

TEST_F(Http2Test, InboundDrainsInTwoStepsAndLosesNothing) {
  Http2Upstream application(Http2Upstream::Saying(200, "hello"));
  Start({application.address()});
  mesh.Inbound("cart", application.address());
  mesh.Start();
  Http2End caller(Dial(mesh.address("inbound-cart")), http2::Role::kClient);
  EXPECT_EQ(caller.Await(caller.Ask({})).body, "hello");
  mesh.OnWorker([](forward::Worker& worker) { worker.BeginDrain(); });
  std::vector<std::size_t> streams;
  ASSERT_TRUE(caller.Until([&] {
    if (!caller.goaway) streams.push_back(caller.Ask({}));
    return caller.goaway;
  }));
  for (const std::size_t each : streams) {
    caller.Await(each);
    const bool refused = caller.at(each).reset == static_cast<int>(http2::ErrorCode::kRefused);
    EXPECT_TRUE(refused || (caller.at(each).ended && caller.at(each).body == "hello")) << each;
  }
  EXPECT_TRUE(caller.Until([&] { return caller.gone; }));
}

// --- servers that misbehave: an answer with a reason, and the next request is served ---

struct Bad {
  const char* name;
  std::function<void(Http2End& end, std::size_t stream)> serve;
  const char* reason;  // any of, by '|'
};

class BadServerTest : public Http2Test, public testing::WithParamInterface<Bad> {};

TEST_P(BadServerTest, LeavesAReasonAndNoHang) {
  std::atomic<bool> bad{true};
  Http2Upstream server([&](Http2End& end, std::size_t stream) {
    if (bad)
      GetParam().serve(end, stream);
    else
      end.Answer(stream, Saying(200, "good"));
  });
  Start({server.address()});
  policy_->retry.enabled = false;
  policy_->outlier_detection.enabled = false;
  const Message& answer = Client().Await(Client().Ask(Post("x")));
  if (answer.reset < 0) {
    EXPECT_EQ(answer.status, 502);
    EXPECT_TRUE(Has(GetParam().reason, answer.Field("x-weft-reason"))) << answer.Field("x-weft-reason");
  }
  EXPECT_TRUE(answer.ended || answer.reset >= 0);
  bad = false;
  EXPECT_EQ(client->Await(client->Ask({})).body, "good");
}

INSTANTIATE_TEST_SUITE_P(
    All, BadServerTest,
    testing::Values(
        Bad{"reset", [](Http2End& end, std::size_t s) { end.Reset(s, http2::ErrorCode::kInternal); },
            "upstream_reset"},
        Bad{"garbage", [](Http2End& end, std::size_t) { end.Raw(std::string(100, '\xff')); },
            "upstream_reset|upstream_malformed"},
        Bad{"oversized_frame",
            [](Http2End& end, std::size_t) { end.Raw(http2::Frame(0, 0, 1, std::string(20000, 'x'))); },
            "upstream_reset|upstream_malformed"},
        Bad{"bad_hpack",
            [](Http2End& end, std::size_t) { end.Raw(http2::Frame(1, 4, 1, "\xff\xff\xff\xff\xff")); },
            "upstream_reset|upstream_malformed"},
        Bad{"no_status",
            [](Http2End& end, std::size_t) {
              end.Raw(http2::Frame(1, 5, 1,
                                   "\x40\x01"
                                   "a\x01"
                                   "b"));
            },
            "upstream_malformed|upstream_reset"},
        Bad{"data_before_head", [](Http2End& end, std::size_t) { end.Raw(http2::Frame(0, 1, 1, "x")); },
            "upstream_malformed|upstream_reset"},
        Bad{"early_end",
            [](Http2End& end, std::size_t) {
              end.Raw(http2::Frame(1, 4, 1,
                                   "\x88\x0f\x0d\x02"
                                   "99") +
                      http2::Frame(0, 1, 1, "x"));
            },
            ""},
        Bad{"header_flood",
            [](Http2End& end, std::size_t) {
              std::string block = "\x88";
              for (int i = 0; i < 2000; ++i)
                block += std::string(
                    "\x00\x01"
                    "a\x01"
                    "b",
                    5);
              end.Raw(http2::Frame(1, 4, 1, block));
            },
            "upstream_head_too_large"},
        Bad{"settings_flood",
            [](Http2End& end, std::size_t) {
              std::string all;
              for (int i = 0; i < 20000; ++i) all += http2::Frame(4, 0, 0, "");
              end.Raw(all);
            },
            "upstream_reset|upstream_malformed"},
        Bad{"push_promise",
            [](Http2End& end, std::size_t) {
              end.Raw(http2::Frame(5, 4, 1, std::string("\0\0\0\x02\x82\x86\x84", 7)));
            },
            "upstream_reset|upstream_malformed"},
        Bad{"goaway_of_none",
            [](Http2End& end, std::size_t) { end.Raw(http2::Frame(7, 0, 0, std::string(8, '\0'))); },
            "upstream_reset|no_healthy_instances"},
        Bad{"closes", [](Http2End& end, std::size_t) { end.gone = true; }, "upstream_reset"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace weft
