#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "common/http/client.h"
#include "common/http/server.h"

namespace weft::http {
namespace {

namespace asio = boost::asio;

net::Address Loopback() { return {net::Ip::V4(127, 0, 0, 1), 0}; }

class Running {
 public:
  explicit Running(DeferredHandler handler, ServerOptions options = {})
      : server_(Server::Listen(context_, Loopback(), std::move(handler), options).value()),
        thread_([this] { context_.run(); }) {}
  ~Running() { End(); }
  void End() {
    server_.reset();
    if (thread_.joinable()) thread_.join();
  }
  net::HostPort where() const { return {"127.0.0.1", server_->address().port}; }
  Server& server() { return *server_; }

  // Sends bytes as they are; returns everything until the server closes.
  std::string Raw(std::string_view bytes) const {
    asio::io_context context(1);
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::make_address("127.0.0.1"), server_->address().port});
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(bytes.data(), bytes.size()), ignored);
    std::string out;
    asio::read(socket, asio::dynamic_buffer(out), ignored);
    return out;
  }

 private:
  asio::io_context context_{1};
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

Response Echo(const Request& request) {
  Response response = Text(200, request.method + " " + request.target + " " + request.body);
  response.headers.emplace_back("X-Peer", request.peer.ip.ToString());
  return response;
}

TEST(HttpTest, ARequestComesBackWithItsBody) {
  Running running(Deferred(Echo));
  const auto answer = Call(running.where(), {"POST", "/a?b=c", {}, "body", {}});
  ASSERT_TRUE(answer) << answer.error().Text();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "POST /a?b=c body");
  EXPECT_EQ(answer->Header("x-peer"), "127.0.0.1");
}

TEST(HttpTest, AReplyMayComeLaterFromAnotherThread) {
  std::thread late;
  Running running([&late](const Request&, Reply reply) {
    late = std::thread([reply = std::move(reply)] { reply(Text(202, "later")); });
  });
  const auto answer = Call(running.where(), {});
  late.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 202);
}

TEST(HttpTest, AHandlerThatDropsItsReplyAnswers500) {
  Running running([](const Request&, const Reply&) {});
  EXPECT_EQ(Call(running.where(), {})->status, 500);
}

TEST(HttpTest, AHandlerThatThrowsAnswers500) {
  Running running(Deferred([](const Request&) -> Response { throw std::runtime_error("broken"); }));
  const auto answer = Call(running.where(), {});
  EXPECT_EQ(answer->status, 500);
  EXPECT_EQ(ErrorOf(*answer).detail, "broken");
}

TEST(HttpTest, PipelinedRequestsOfOneConnectionAreAnsweredInOrder) {
  Running running(Deferred(Echo));
  const std::string out = running.Raw(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_LT(out.find("GET /1"), out.find("GET /2"));
  EXPECT_NE(out.find("GET /2"), std::string::npos);
}

TEST(HttpTest, TooLargeABodyIs413AndTooLargeAHead431) {
  Running running(Deferred(Echo), {.max_head = 1024, .max_body = 10});
  EXPECT_EQ(Call(running.where(), {"POST", "/", {}, std::string(11, 'x'), {}})->status, 413);
  EXPECT_EQ(Call(running.where(), {"GET", "/", {{"X-Long", std::string(2000, 'x')}}, "", {}})->status, 431);
  EXPECT_EQ(Call(running.where(), {"POST", "/", {}, std::string(10, 'x'), {}})->status, 200);
}

TEST(HttpTest, ExpectContinueIsAnsweredBeforeTheBody) {
  Running running(Deferred(Echo));
  const std::string out = running.Raw(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: "
      "2\r\n\r\nok");
  EXPECT_TRUE(out.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")) << out;
}

TEST(HttpTest, WhatIsNotHttpIs400) {
  Running running(Deferred(Echo));
  EXPECT_TRUE(running.Raw("\x16\x03\x01 nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
}

TEST(HttpTest, StopClosesIdleConnectionsAndLetsRequestsFinish) {
  std::optional<Reply> held;
  std::atomic<bool> arrived{false};
  Running running([&](const Request&, Reply reply) {
    held = std::move(reply);
    arrived = true;
  });
  Result<Response> answer = Error{};
  std::thread caller([&] { answer = Call(running.where(), {}); });
  while (!arrived) std::this_thread::yield();
  running.server().Stop();
  (*held)(Text(200, "done"));
  caller.join();
  held.reset();
  ASSERT_TRUE(answer) << answer.error().Text();
  EXPECT_EQ(answer->body, "done");
  EXPECT_EQ(answer->Header("Connection"), "close");
  EXPECT_FALSE(Call(running.where(), {}));
}

TEST(HttpTest, OneConnectionTooManyIsClosed) {
  Running running(Deferred(Echo), {.max_connections = 0});
  const auto answer = Call(running.where(), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kUnavailable);
}

TEST(HttpTest, ANewConnectionTakesThePlaceOfTheOneThatIsIdleLongest) {
  Running running(Deferred(Echo), {.max_connections = 8});
  asio::io_context context(1);
  std::vector<asio::ip::tcp::socket> idle;
  const auto ask = [&](asio::ip::tcp::socket& socket) {
    boost::system::error_code error;
    asio::write(socket, asio::buffer(std::string_view("GET / HTTP/1.1\r\n\r\n")), error);
    std::string got;
    while (!error && !got.ends_with("GET / ")) {
      char bytes[512];
      const std::size_t n = socket.read_some(asio::buffer(bytes), error);
      got.append(bytes, n);
    }
    return !error;
  };
  for (int i = 0; i < 40; ++i) {
    idle.emplace_back(context);
    idle.back().connect({asio::ip::make_address("127.0.0.1"), running.where().port});
    EXPECT_TRUE(ask(idle.back())) << i;
    EXPECT_LE(running.server().connections(), 16U);
  }
  EXPECT_FALSE(ask(idle.front()));
  EXPECT_TRUE(ask(idle.back()));
}

TEST(HttpTest, APortInUseIsAnErrorThatSaysSo) {
  Running running(Deferred(Echo));
  asio::io_context context;
  const auto second = Server::Listen(context, running.server().address(), Deferred(Echo));
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().detail.find("cannot listen on 127.0.0.1:"), std::string::npos);
}

TEST(HttpTest, ASilentServerIsATimeout) {
  std::vector<Reply> held;
  Running running([&held](const Request&, Reply reply) { held.push_back(std::move(reply)); });
  const auto answer = Call(running.where(), {}, {.timeout = std::chrono::milliseconds(20)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kTimeout);
  running.End();
  held.clear();  // before the context, as server.h asks
}

TEST(HttpTest, AnErrorTravelsAsItsBodyAndBack) {
  const Response response = ErrorResponse(Invalid("must be positive", "spec.x", "mesh.yaml:3:4"));
  EXPECT_EQ(response.status, 400);
  const Error error = ErrorOf(response);
  EXPECT_EQ(error.kind, ErrorKind::kInvalid);
  EXPECT_EQ(error.field, "spec.x");
  EXPECT_EQ(error.detail, "mesh.yaml:3:4: must be positive");
}

TEST(MessageTest, QueriesAndPathsAreDecoded) {
  Request request;
  request.target = "/a/b%2Fc?dryRun=true&name=x%20y&flag";
  EXPECT_EQ(request.Path(), "/a/b%2Fc");
  EXPECT_EQ(request.Query("dryRun"), "true");
  EXPECT_EQ(request.Query("name"), "x y");
  EXPECT_TRUE(request.HasQuery("flag"));
  EXPECT_FALSE(request.HasQuery("other"));
  EXPECT_EQ(*PathSegments(request.Path()), (std::vector<std::string>{"a", "b/c"}));
  EXPECT_FALSE(PathSegments("/a//b"));
  EXPECT_FALSE(PathSegments("/a%2"));
  EXPECT_FALSE(PathSegments("/a%zz"));
  EXPECT_EQ(PercentEncode("a/b c"), "a%2Fb%20c");
}

TEST(MessageTest, OnlyAddressesAndLocalhostPassTheHostCheck) {
  const auto allowed = [](const char* host) {
    return CheckHost({"GET", "/", {{"host", host}}, "", {}}).has_value();
  };
  EXPECT_TRUE(allowed("127.0.0.1:15000"));
  EXPECT_TRUE(allowed("localhost:15000"));
  EXPECT_TRUE(allowed("[::1]:15000"));
  EXPECT_TRUE(allowed("LocalHost"));
  EXPECT_FALSE(allowed("evil.example:15000"));
  EXPECT_FALSE(allowed(""));
  EXPECT_FALSE(allowed("["));
}

TEST(ClientTest, UrlsGiveHostPortAndTarget) {
  EXPECT_EQ(ParseUrl("http://127.0.0.1:80/x?y")->target, "/x?y");
  EXPECT_EQ(ParseUrl("localhost:15014")->where.port, 15014);
  EXPECT_TRUE(ParseUrl("https://a:1")->tls);
  EXPECT_FALSE(ParseUrl("http://a:1")->tls);
  EXPECT_FALSE(ParseUrl("nonsense"));
}

// A body made by the test: what was given to Put and not yet taken.
class Tap : public Stream {
 public:
  explicit Tap(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
  ~Tap() override { --alive_; }
  void Start(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }
  Piece Next() override {
    const std::lock_guard lock(mutex_);
    asked_ += waiting_.bytes.empty() ? 0 : 1;
    return std::exchange(waiting_, {});
  }
  void Put(std::string bytes, bool last = false) {
    std::function<void()> wake;
    {
      const std::lock_guard lock(mutex_);
      waiting_ = {std::move(waiting_.bytes) + bytes, last};
      wake = wake_;
    }
    if (wake) wake();
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::atomic<int>& alive_;
  mutable std::mutex mutex_;
  std::function<void()> wake_;
  Piece waiting_;
  int asked_ = 0;
};

class StreamTest : public testing::Test {
 protected:
  Running Serve(std::chrono::seconds timeout = std::chrono::seconds(10)) {
    ServerOptions options;
    options.request_timeout = timeout;
    return Running(Deferred([this](const Request&) {
                     Response response;
                     response.stream = tap;
                     return response;
                   }),
                   options);
  }
  template <class Condition>
  static bool Eventually(const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::atomic<int> alive{0};
  std::shared_ptr<Tap> tap = std::make_shared<Tap>(alive);
};

TEST_F(StreamTest, PiecesComeAsTheyAreMadeUntilTheLast) {
  const Running running = Serve();
  std::string got;
  CallOptions options;
  options.on_data = [&](std::string_view bytes) {
    got += bytes;
    if (got == "one\n") tap->Put("two\n", true);
    return true;
  };
  tap->Put("one\n");
  const auto answer = Call(running.where(), {}, options);
  ASSERT_TRUE(answer) << answer.error().Text();
  EXPECT_EQ(answer->Header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(got, "one\ntwo\n");
  tap.reset();
  EXPECT_TRUE(Eventually([this] { return alive == 0; }));
}

TEST_F(StreamTest, AnOldClientGetsTheBytesWithoutChunks) {
  const Running running = Serve();
  tap->Put("bytes", true);
  const std::string answer = running.Raw("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nbytes")) << answer;
  EXPECT_EQ(answer.find("chunked"), std::string::npos) << answer;
}

TEST_F(StreamTest, HalfOfTheConnectionsMayBeStreamsAndOneMoreIsToldSo) {
  Running running(Deferred([this](const Request& request) {
                    Response response = Text(200, "alive");
                    if (request.target == "/watch") response.stream = std::make_shared<Tap>(alive);
                    return response;
                  }),
                  {.max_connections = 4});
  asio::io_context context(1);
  std::vector<asio::ip::tcp::socket> watches;
  for (int i = 0; i < 2; ++i) {
    watches.emplace_back(context).connect({asio::ip::make_address("127.0.0.1"), running.where().port});
    asio::write(watches.back(), asio::buffer(std::string_view("GET /watch HTTP/1.1\r\n\r\n")));
    char byte;
    watches.back().read_some(asio::buffer(&byte, 1));
  }
  const auto refused = Call(running.where(), {"GET", "/watch", {}, {}, {}});
  ASSERT_TRUE(refused) << refused.error().Text();
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(Call(running.where(), {"GET", "/healthz", {}, {}, {}})->status, 200);
  watches.clear();
  tap.reset();
  EXPECT_TRUE(Eventually([this] { return alive == 0; }));
}

TEST_F(StreamTest, AClientThatGoesAwayEndsTheStream) {
  const Running running = Serve();
  tap->Put("one");
  CallOptions options;
  options.on_data = [](std::string_view) { return false; };
  ASSERT_TRUE(Call(running.where(), {}, options));
  tap.reset();
  EXPECT_TRUE(Eventually([this] { return alive == 0; }));
}

TEST_F(StreamTest, ASlowClientIsAskedForNoMoreAndCut) {
  Running running = Serve(std::chrono::seconds(1));
  asio::io_context context(1);
  asio::ip::tcp::socket socket(context);
  socket.connect({asio::ip::make_address("127.0.0.1"), running.where().port});
  asio::write(socket, asio::buffer(std::string_view("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
  tap->Put(std::string(32 << 20, 'x'));  // more than the sockets hold; nobody reads it
  ASSERT_TRUE(Eventually([this] { return tap->asked() == 1; }));
  tap->Put("more");
  tap->Put("and more");
  EXPECT_EQ(tap->asked(), 1) << "the first piece is still being written";
  tap.reset();
  EXPECT_TRUE(Eventually([this] { return alive == 0; }));
}

TEST_F(StreamTest, StoppingTheServerEndsItWithAWholeBody) {
  Running running = Serve();
  std::string got;
  CallOptions options;
  options.on_data = [&](std::string_view bytes) {
    got += bytes;
    running.server().Stop();
    return true;
  };
  tap->Put("one");
  const auto answer = Call(running.where(), {}, options);
  ASSERT_TRUE(answer) << "the last chunk came: " << answer.error().Text();
  EXPECT_EQ(got, "one");
}

TEST_F(StreamTest, AFailureIsAnAnswerAlsoWhenAStreamWasWanted) {
  const Running running(Deferred([](const Request&) { return ErrorResponse(Invalid("no", "x")); }));
  CallOptions options;
  options.on_data = [](std::string_view) { return true; };
  const auto answer = Call(running.where(), {}, options);
  ASSERT_TRUE(answer);
  EXPECT_EQ(ErrorOf(*answer).field, "x");
}

}  // namespace
}  // namespace weft::http
