#include "controlplane/kube/election.h"

#include <gtest/gtest.h>

#include "common/http/server.h"
#include "controlplane/kube/object.h"

namespace weft::kube {
namespace {

using std::chrono::seconds;

// An API server as far as one Lease goes.
class FakeLease {
 public:
  FakeLease() : thread_([this] { context_.run(); }) {}
  ~FakeLease() {
    context_.stop();
    thread_.join();
  }
  Config config() const {
    Config out;
    out.server = {"127.0.0.1", server_->address().port};
    return out;
  }
  Json Now() {
    const std::lock_guard lock(mutex_);
    return lease_;
  }
  void Fail(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }

 private:
  http::Response Serve(const http::Request& request) {
    const std::lock_guard lock(mutex_);
    const auto say = [](int status, const Json& body) {
      return http::Response{status, "application/json", body.dump()};
    };
    if (status_ != 200) return say(status_, {{"message", "no"}});
    if (request.method == "GET") return lease_.is_null() ? say(404, Json::object()) : say(200, lease_);
    Json sent = Json::parse(request.body);
    const bool stale = !lease_.is_null() && sent["metadata"].value("resourceVersion", "") !=
                                                lease_["metadata"].value("resourceVersion", "");
    if (stale) return say(409, {{"message", "conflict"}});
    sent["metadata"]["resourceVersion"] = std::to_string(++version_);
    lease_ = sent;
    return say(200, lease_);
  }
  std::mutex mutex_;
  Json lease_;
  int version_ = 0, status_ = 200;
  boost::asio::io_context context_{1};
  std::unique_ptr<http::Server> server_ =
      http::Server::Listen(context_, {net::Ip::V4(127, 0, 0, 1), 0},
                           http::Deferred([this](const http::Request& request) { return Serve(request); }))
          .value();
  std::thread thread_;
};

class ElectionTest : public testing::Test {
 protected:
  ElectionOptions OptionsOf(const char* identity) {
    ElectionOptions options;
    options.identity = identity;
    options.clock = [this] { return now; };
    options.wall_clock = [] { return WallTime(seconds(1'800'000'000)); };
    return options;
  }
  std::string Holder() { return lease.Now()["spec"]["holderIdentity"].get<std::string>(); }

  TimePoint now{seconds(1000)};
  FakeLease lease;
  Election a{lease.config(), OptionsOf("a")}, b{lease.config(), OptionsOf("b")};
};

TEST_F(ElectionTest, TheFirstLeadsAndTheSecondWaitsUntilTheLeaseLapsed) {
  EXPECT_FALSE(a.leads());
  ASSERT_TRUE(a.Turn());
  ASSERT_TRUE(b.Turn());
  EXPECT_TRUE(a.leads());
  EXPECT_FALSE(b.leads());
  EXPECT_EQ(Holder(), "a");
  EXPECT_EQ(lease.Now()["spec"]["renewTime"], "2027-01-15T08:00:00.000000Z");
  now += seconds(9);
  EXPECT_TRUE(a.leads());
  now += seconds(1);
  EXPECT_FALSE(a.leads()) << "it did not renew, and leaves before another may come";
  ASSERT_TRUE(b.Turn());
  EXPECT_FALSE(b.leads()) << "the lease is over only after fifteen seconds";
  now += seconds(5);
  ASSERT_TRUE(b.Turn());
  EXPECT_TRUE(b.leads());
  EXPECT_EQ(lease.Now()["spec"]["leaseTransitions"], 1);
  ASSERT_TRUE(a.Turn());
  EXPECT_FALSE(a.leads());
}

TEST_F(ElectionTest, ARenewedLeaseIsNotTaken) {
  ASSERT_TRUE(a.Turn());
  for (int i = 0; i < 20; ++i) {
    now += seconds(2);
    ASSERT_TRUE(a.Turn());
    ASSERT_TRUE(b.Turn());
    EXPECT_TRUE(a.leads() && !b.leads());
  }
  EXPECT_EQ(lease.Now()["spec"]["leaseTransitions"], 0);
}

TEST_F(ElectionTest, WhileTheApiServerIsAwayTheLeaderLeavesInTime) {
  ASSERT_TRUE(a.Turn());
  lease.Fail(500);
  EXPECT_FALSE(a.Turn());
  EXPECT_TRUE(a.leads());
  now += seconds(10);
  EXPECT_FALSE(a.leads());
  lease.Fail(200);
  ASSERT_TRUE(a.Turn());
  EXPECT_TRUE(a.leads());
}

TEST_F(ElectionTest, WhoStopsGivesTheLeaseBack) {
  Election c(lease.config(), OptionsOf("c"));
  c.Start();
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while (!c.leads() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_TRUE(c.leads());
  c.Stop();
  EXPECT_FALSE(c.leads());
  ASSERT_TRUE(b.Turn());
  EXPECT_TRUE(b.leads()) << "at once";
}

// --- objects as resources ---

TEST(ObjectTest, WhereKindsLive) {
  EXPECT_EQ(CollectionOf(resource::Kind::kHttpRoute), "/apis/gateway.networking.k8s.io/v1/httproutes");
  EXPECT_EQ(CollectionOf(resource::Kind::kMeshDefaults), "/apis/weft.dev/v1/meshdefaults");
  EXPECT_EQ(PathOf(resource::Kind::kServicePolicy, "shop", "p"),
            "/apis/weft.dev/v1/namespaces/shop/servicepolicies/p");
  EXPECT_EQ(PathOf(resource::Kind::kMeshDefaults, "", "default"), "/apis/weft.dev/v1/meshdefaults/default");
}

TEST(ObjectTest, WhatTheServerAddsIsLeftOut) {
  const ReadObject read = Read(Json::parse(R"({
    "metadata": {"name": "p", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 2,
                 "creationTimestamp": "2026-11-23T04:05:06Z", "ownerReferences": [{"kind": "X"}],
                 "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "a"}},
    "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "cart"}]}, "status": {"x": 1}})"),
                               resource::Kind::kServicePolicy);
  ASSERT_NE(read.document, nullptr) << read.problems.front().Text();
  EXPECT_EQ(read.document->json,
            R"({"apiVersion":"weft.dev/v1","kind":"ServicePolicy","metadata":{"annotations":{"team":"a"},)"
            R"("creationTimestamp":"2026-11-23T04:05:06Z","name":"p","namespace":"shop","uid":"u"},)"
            R"("spec":{"targetRefs":[{"group":"","kind":"Service","name":"cart"}]}})");
}

}  // namespace
}  // namespace weft::kube
