#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/http/server.h"
#include "controlplane/notify/hook.h"

namespace weft::notify {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const TimePoint kStart = FromNanos(1'000'000'000'000);

// A receiver that answers as it is told and keeps what it was sent; its own context and thread.
class Receiver {
 public:
  Receiver() {
    auto server =
        http::Server::Listen(context_, {net::Ip::V4(127, 0, 0, 1), 0},
                             http::Deferred([this](const http::Request& request) { return Take(request); }));
    EXPECT_TRUE(server);
    server_ = std::move(*server);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Receiver() {
    context_.stop();
    thread_.join();
  }
  std::string url() const { return "http://" + server_->address().ToString() + "/hook"; }

  std::atomic<int> status{200};
  std::vector<std::uint64_t> numbers() const {
    const std::scoped_lock lock(mutex_);
    return numbers_;
  }

 private:
  http::Response Take(const http::Request& request) {
    http::Response response;
    response.status = status;
    if (status == 200) {
      const nlohmann::json body = nlohmann::json::parse(request.body);
      const std::scoped_lock lock(mutex_);
      for (const auto& item : body["items"]) numbers_.push_back(item["number"].get<std::uint64_t>());
    }
    return response;
  }

  boost::asio::io_context context_{1};
  std::unique_ptr<http::Server> server_;
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> numbers_;
  std::thread thread_;
};

// The hook, one call at a time, each waited for.
class Sender {
 public:
  explicit Sender(const std::string& url) {
    auto hook = MakeHook(context_, url);
    EXPECT_TRUE(hook);
    hook_ = std::move(*hook);
  }
  void Look(TimePoint now) {
    notifier.Look(now);
    context_.restart();
    context_.run();
  }

 private:
  boost::asio::io_context context_{1};
  Notifier::Post hook_;

 public:
  events::Book book;
  Notifier notifier{
      book,
      [this](const std::string& body, std::function<void(Status)> done) { hook_(body, std::move(done)); }, 1};
};

void Happen(events::Book& book, int from, int count) {
  for (int i = from; i < from + count; ++i)
    book.Normal("AgentConnected", {"Agent", "default", "agent-" + std::to_string(i)}, "it came");
}

std::vector<std::uint64_t> UpTo(std::uint64_t last) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = 1; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

TEST(NotifierTest, EventsArriveInTheirOrderAHundredAtOnce) {
  Receiver receiver;
  Sender sender(receiver.url());
  sender.Look(kStart);
  EXPECT_TRUE(receiver.numbers().empty());
  Happen(sender.book, 0, 250);
  sender.Look(kStart);
  EXPECT_EQ(receiver.numbers(), UpTo(100));
  sender.Look(kStart);
  sender.Look(kStart);
  sender.Look(kStart);
  EXPECT_EQ(receiver.numbers(), UpTo(250));
  EXPECT_EQ(sender.notifier.counts().delivered, 250u);
  EXPECT_EQ(sender.notifier.counts().waiting, 0u);
}

TEST(NotifierTest, NoneIsLostWhileTheReceiverRefusesAndItIsAskedLessAndLess) {
  Receiver receiver;
  receiver.status = 503;
  Sender sender(receiver.url());
  Happen(sender.book, 0, 5);
  int calls = 0;
  TimePoint now = kStart;
  for (; now < kStart + seconds(120); now += milliseconds(500)) {
    const std::uint64_t before = sender.notifier.counts().failed;
    sender.Look(now);
    calls += sender.notifier.counts().failed > before;
  }
  EXPECT_GE(calls, 5);
  EXPECT_LE(calls, 12) << "1, 2, 4, … 60 s, at least half of each";
  Happen(sender.book, 5, 5);
  receiver.status = 200;
  sender.Look(now + seconds(60));
  EXPECT_EQ(receiver.numbers(), UpTo(10));
}

TEST(NotifierTest, AReceiverThatIsNotThereIsAFailureToo) {
  std::string url;
  {
    Receiver gone;
    url = gone.url();
  }
  Sender sender(url);
  Happen(sender.book, 0, 1);
  sender.Look(kStart);
  EXPECT_EQ(sender.notifier.counts().failed, 1u);
  EXPECT_EQ(sender.notifier.counts().waiting, 1u);
}

TEST(NotifierTest, AUrlThatIsNoneIsRefused) {
  boost::asio::io_context context;
  EXPECT_FALSE(MakeHook(context, "ftp://x"));
  EXPECT_FALSE(MakeHook(context, ""));
}

}  // namespace
}  // namespace weft::notify
