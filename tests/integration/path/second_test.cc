// A second attempt beside one that is slow, through one agent and real sockets.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "agent/decision/log.h"
#include "tests/support/mesh.h"
#include "tests/support/upstream.h"

namespace weft {
namespace {

using std::chrono::seconds;

// Two instances. Of a request for /slow the one that it comes to first says nothing until the client has its
// answer, or for so long that there will be no second attempt.
class Pair {
 public:
  Pair() {
    for (const char* name : {"one", "two"}) {
      upstreams_.push_back(std::make_unique<support::FakeUpstream>(
          [this, name](const std::string& head, const std::string&) { return Answer(name, head); }));
    }
  }
  ~Pair() { Release(); }

  std::vector<net::Address> addresses() const { return {upstreams_[0]->address(), upstreams_[1]->address()}; }
  void Expect() {
    const std::lock_guard lock(mutex_);
    slow_.clear();
    released_ = false;
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  std::string slow() const {  // which of them was made to wait
    const std::lock_guard lock(mutex_);
    return slow_;
  }

 private:
  std::string Answer(const std::string& name, const std::string& head) {
    if (support::Has(head, "GET /slow")) {
      std::unique_lock lock(mutex_);
      if (slow_.empty()) {
        slow_ = name;
        changed_.wait_for(lock, seconds(1), [&] { return released_; });
      }
    }
    return "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n" + name;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  std::string slow_;
  std::vector<std::unique_ptr<support::FakeUpstream>> upstreams_;
};

TEST(SecondTest, TheOtherInstanceAnswersWhileTheFirstIsStillSilent) {
  Pair pair;
  support::Mesh mesh;
  policy::ServicePolicy& policy = mesh.Service("cart", pair.addresses());
  policy.hedging.enabled = true;
  policy.hedging.budget_percent = 5;
  mesh.Start();
  support::FakeClient client(mesh.address("service-cart"));
  std::string answer;
  const bool hedged = support::WaitUntil(
      [&] {
        for (int i = 0; i < 25; ++i) EXPECT_TRUE(support::Has(client.Get(), "200 OK"));
        pair.Expect();
        answer = client.Get("/slow", "x-request-id: stalled\r\n");
        const std::string slow = pair.slow();
        pair.Release();
        return !support::Has(answer, slow);
      },
      seconds(20));
  ASSERT_TRUE(hedged) << answer;
  EXPECT_TRUE(support::Has(answer, "200 OK"));
  std::string record;
  mesh.OnWorker([&](forward::Worker& worker) {
    decision::Log& log = worker.engine().log();
    if (const auto found = log.Find("stalled")) record = ToJson(*found, log.names(), Duration::zero());
  });
  EXPECT_TRUE(support::Has(record, "\"hedge\":\"sent\"")) << record;
  EXPECT_TRUE(support::Has(record, "\"outcome\":\"outrun\"")) << record;
  EXPECT_TRUE(support::Has(record, "\"retry\":\"hedged\"")) << record;
  // The connection of the one that was outrun serves again when its answer has come.
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(support::Has(client.Get(), "200 OK"));
}

}  // namespace
}  // namespace weft
