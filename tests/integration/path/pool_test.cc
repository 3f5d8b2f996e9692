// The economy of connections, with real sockets and a clock that the test moves.
#include "agent/pool/pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <optional>

#include "common/snapshot/alone.h"
#include "tests/support/http2.h"
#include "tests/support/mesh.h"
#include "tests/support/upstream.h"

namespace weft {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::CountingSink;
using support::FakeUpstream;
using support::Http2End;
using support::Http2Upstream;

// One request of its own, from its connection to the end of its answer.
struct Request final : pool::Waiter, stream::ResponseEvents {
  stream::ClientStream* stream = nullptr;
  bool refused = false, ended = false, reset = false;
  int status = 0;

  void Begin(message::Body body) {
    message::RequestHead head;
    head.method_text = "GET";
    head.authority = "cart";
    head.target = "/";
    stream->Begin(*this, message::Method::kGet);
    stream->SendHead(head, body);
  }
  void End() { stream->SendEnd(); }

  void OnConnecting() override {}
  void OnLent(stream::ClientStream& lent, bool) override { stream = &lent; }
  void OnRefused(engine::Outcome, Reason) override { refused = true; }
  void OnInterim(message::ResponseHead&) override {}
  void OnResponseHead(message::ResponseHead& head, message::Body) override { status = head.status; }
  void OnResponseData(std::string_view data) override { stream->Consumed(data.size()); }
  void OnResponseTrailers(const message::FieldList&) override {}
  void OnResponseEnd() override { ended = true; }
  void OnRequestTaken(std::size_t) override {}
  void OnUpstreamReset(stream::ResetCode) override { reset = true; }
};

struct PoolTest : testing::Test {
  static inline TimePoint now = FromNanos(1'000'000'000'000);
  loop::EventLoop loop{[] { return now; }};
  connection::Io io{loop};
  engine::Shared shared{1};
  CountingSink sink;
  engine::Engine engine{{}, shared, nullptr};
  std::optional<pool::Pool> pool;
  policy::ServicePolicy policy;
  std::vector<engine::Target*> targets;  // in the order of their addresses

  void Install(const std::vector<net::Address>& instances, policy::Protocol protocol, bool agents = false) {
    auto bundle = std::make_shared<policy::ServiceBundle>();
    bundle->key = {"local", "default", "cart"};
    bundle->ports = {{"main", 80, protocol}};
    bundle->policy = policy;
    auto endpoints = std::make_shared<snapshot::Endpoints>();
    for (const net::Address& address : instances) {
      snapshot::Instance instance;
      instance.id = address.ToString();
      instance.hash = HashBytes(instance.id);
      instance.address = address;
      instance.capabilities.meshed = instance.capabilities.http2 = agents;
      endpoints->instances.push_back(instance);
    }
    const auto made = snapshot::Alone(bundle, endpoints);
    engine.Install(made, now);
    const BackendKey key{bundle->key, 80};
    engine::Origin origin;
    origin.fixed = &key;
    const engine::Backend* backend = engine.BackendOf(origin, now);
    ASSERT_NE(backend, nullptr);
    for (const net::Address& address : instances) {
      for (const auto& target : backend->targets) {
        if (target->address == address) targets.push_back(target.get());
      }
    }
    pool.emplace(io, engine, sink, http1::Limits{});
  }

  // What happens by itself goes on until `done`.
  bool Until(const std::function<bool()>& done) {
    return support::WaitUntil([&] {
      loop.RunOnce(milliseconds(1));
      return done();
    });
  }
  // Time, with its sweeps.
  void Pass(Duration span) {
    for (const TimePoint end = now + span; now < end;) {
      now += std::min<Duration>(milliseconds(100), end - now);
      loop.RunOnce(Duration::zero());
      pool->Sweep();
    }
    loop.RunOnce(Duration::zero());
  }
  void Lend(Request& request, pool::Demand demand, std::size_t target = 0) {
    request.stream = pool->Acquire(*targets[target], request, demand).stream;
    ASSERT_TRUE(Until([&] { return request.stream != nullptr || request.refused; }));
    ASSERT_FALSE(request.refused);
  }
  void Finish(Request& request) {
    request.Begin({});
    request.End();
    ASSERT_TRUE(Until([&] { return request.ended || request.reset; }));
    EXPECT_EQ(request.status, 200);
  }
  void Ask(pool::Demand demand, std::size_t target = 0) {
    Request request;
    Lend(request, demand, target);
    Finish(request);
  }
  static constexpr pool::Demand kHttp1{}, kHttp2{false, true, true, false};
};

TEST_F(PoolTest, IdleConnectionsThatUseDoesNotAskForGoAfterThirtySeconds) {
  std::unique_ptr<FakeUpstream> server(FakeUpstream::Answering(200, "x"));
  policy.connection_pool.keepalive_expiry_set = true;
  policy.connection_pool.keepalive_expiry = std::chrono::hours(1);
  Install({server->address()}, policy::Protocol::kHttp);
  std::array<Request, 10> requests;
  for (Request& each : requests) Lend(each, kHttp1);
  for (std::size_t i = 4; i < requests.size(); ++i) Finish(requests[i]);
  ASSERT_TRUE(Until([&] { return pool->idle() == 6; }));
  Pass(seconds(29));
  EXPECT_EQ(pool->open(), 10U);
  Pass(seconds(31));  // four are in use all the time: nine are wanted
  EXPECT_EQ(pool->open(), 9U);
  for (std::size_t i = 0; i < 4; ++i) Finish(requests[i]);
  Pass(seconds(100));
  EXPECT_EQ(pool->open(), 1U);
  EXPECT_EQ(server->connections(), 10);
}

TEST_F(PoolTest, AConnectionToAnApplicationIsOfUseForFourSecondsAndForOneWhereNothingMayRunTwice) {
  std::unique_ptr<FakeUpstream> server(FakeUpstream::Answering(200, "x"));
  Install({server->address()}, policy::Protocol::kHttp);
  Ask(kHttp1);
  Pass(milliseconds(900));
  Ask({false, false});
  EXPECT_EQ(server->connections(), 1);
  Pass(milliseconds(1100));
  Ask({false, false});
  EXPECT_EQ(server->connections(), 2);
  Pass(milliseconds(3800));
  EXPECT_EQ(pool->idle(), 1U);
  Pass(milliseconds(400));
  EXPECT_EQ(pool->idle(), 0U);
}

TEST_F(PoolTest, AConnectionAtItsAgeEndsWhenItsSuccessorIsThere) {
  Http2Upstream server(Http2Upstream::Saying(200, "x"));
  policy.connection_pool.max_age = seconds(100);
  Install({server.address()}, policy::Protocol::kHttp2);
  Request before;
  Lend(before, kHttp2);
  before.Begin({message::Body::Kind::kChunked, 0});  // which End ends
  Pass(seconds(79));
  EXPECT_EQ(pool->open(), 1U) << "a fifth before at the earliest";
  Pass(seconds(22));
  EXPECT_EQ(pool->open(), 2U) << "the old one has a stream still";
  EXPECT_TRUE(Until([&] { return server.connections() == 2; }));
  Request after;
  Lend(after, kHttp2);
  Finish(after);
  before.End();
  EXPECT_TRUE(Until([&] { return before.ended && pool->open() == 1; }));
  EXPECT_EQ(before.status, 200);
  EXPECT_FALSE(before.reset || after.reset);
}

TEST_F(PoolTest, AgentsOfAServiceInUseAreConnectedToBeforeTheirFirstRequest) {
  Http2Upstream used(Http2Upstream::Saying(200, "x")), other(Http2Upstream::Saying(200, "x"));
  Install({used.address(), other.address()}, policy::Protocol::kHttp, true);
  Pass(seconds(5));
  EXPECT_EQ(pool->open(), 0U) << "nobody uses it";
  Ask(kHttp2);
  Pass(seconds(1));
  EXPECT_TRUE(Until([&] { return other.connections() == 1; }));
  Ask(kHttp2, 1);
  EXPECT_EQ(other.connections(), 1);
  EXPECT_EQ(used.requests(), 1);
  EXPECT_EQ(other.requests(), 1);
}

TEST_F(PoolTest, AnIdleConnectionToAnAgentIsAskedByPingAndCutWhenItIsSilent) {
  std::promise<void> over;
  std::shared_future<void> end(over.get_future());
  Http2Upstream alive(Http2Upstream::Saying(200, "x"));
  Http2Upstream stuck([end](Http2End& connection, std::size_t stream) {
    connection.Answer(stream, {});
    connection.Flush();
    end.wait();  // nobody reads any more
  });
  Install({alive.address(), stuck.address()}, policy::Protocol::kHttp, true);
  Ask(kHttp2, 0);
  Ask(kHttp2, 1);
  Pass(milliseconds(30'100));
  loop.RunOnce(seconds(10));  // until the answer to the PING comes
  EXPECT_EQ(pool->open(), 2U);
  Pass(milliseconds(19'800));
  EXPECT_EQ(pool->open(), 2U);
  Pass(milliseconds(300));
  EXPECT_EQ(pool->open(), 1U);
  Ask(kHttp2, 0);
  EXPECT_EQ(alive.connections(), 1);
  over.set_value();
}

// Requests that may be repeated come once a second on average, the pauses between them distributed as those
// of independent ones: multiples of the golden ratio fill the unit interval evenly.
double ShareReused(PoolTest& test, pool::Demand demand) {
  test.Ask(demand);  // which has to open one
  const auto first = test.sink.new_connections;
  for (int i = 1; i <= 600; ++i) {
    const double uniform = std::fmod(i * 0.6180339887498949, 1.0);
    test.Pass(Duration(static_cast<std::int64_t>(-std::log(uniform) * 1e9)));
    test.Ask(demand);
    if (testing::Test::HasFatalFailure()) return 0;
  }
  const double reused = test.sink.reused_connections, made = test.sink.new_connections - first;
  test.RecordProperty("reused_percent", std::to_string(100 * reused / (reused + made)));
  return reused / (reused + made);
}

TEST_F(PoolTest, AtOneRequestASecondNinetyEightPercentFindAConnectionToAnApplication) {
  std::unique_ptr<FakeUpstream> server(FakeUpstream::Answering(200, "x"));
  Install({server->address()}, policy::Protocol::kHttp);
  EXPECT_GE(ShareReused(*this, kHttp1), 0.98);
}

TEST_F(PoolTest, AtOneRequestASecondNinetyNinePercentDoWhereConnectionsAreKeptForThirtySeconds) {
  std::unique_ptr<FakeUpstream> server(FakeUpstream::Answering(200, "x"));
  policy.connection_pool.keepalive_expiry_set = true;
  policy.connection_pool.keepalive_expiry = seconds(30);
  Install({server->address()}, policy::Protocol::kHttp);
  EXPECT_GE(ShareReused(*this, kHttp1), 0.99);
}

TEST_F(PoolTest, AtOneRequestASecondNinetyNinePercentDoBetweenAgents) {
  Http2Upstream server(Http2Upstream::Saying(200, "x"));
  Install({server.address()}, policy::Protocol::kHttp, true);
  EXPECT_GE(ShareReused(*this, kHttp2), 0.99);
}

}  // namespace
}  // namespace weft
