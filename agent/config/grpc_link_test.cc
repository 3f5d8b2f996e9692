#include "agent/config/grpc_link.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>

#include "agent/config/manager.h"
#include "common/wire/wire.h"
#include "weft/v1/mesh.grpc.pb.h"

namespace weft::config {
namespace {

constexpr std::chrono::seconds kPatience(20);

// The cold thread: real time, one thread.
class ThreadCold : public cold::Cold {
 public:
  ThreadCold() : thread_([this] { Run(); }) {}
  ~ThreadCold() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  void Post(std::function<void()> work) override { After(Duration::zero(), std::move(work)); }
  void After(Duration span, std::function<void()> work) override {
    const std::lock_guard lock(mutex_);
    due_.emplace(std::chrono::steady_clock::now() + span, std::move(work));
    wake_.notify_one();
  }
  TimePoint Now() const override { return ReadMonotonicClock(); }
  WallTime WallNow() const override { return ReadWallClock(); }
  void Do(const std::function<void()>& work) {  // and waits for it
    std::promise<void> done;
    Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      if (due_.empty()) {
        wake_.wait(lock);
      } else if (due_.begin()->first > std::chrono::steady_clock::now()) {
        wake_.wait_until(lock, std::chrono::steady_clock::time_point(due_.begin()->first));
      } else {
        auto node = due_.extract(due_.begin());
        lock.unlock();
        node.mapped()();
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> due_;
  bool stop_ = false;
  std::thread thread_;
};

// A control plane that says what the test tells it to and keeps what agents say.
class ScriptedMesh : public v1::Mesh::Service {
 public:
  explicit ScriptedMesh(int port = 0) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~ScriptedMesh() override { server_->Shutdown(std::chrono::system_clock::now()); }
  int port() const { return port_; }

  grpc::Status Connect(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<v1::ControlMessage, v1::AgentMessage>* stream) override {
    const auto token = context->client_metadata().find("authorization");
    {
      const std::lock_guard lock(mutex_);
      stream_ = stream;
      token_ = token == context->client_metadata().end()
                   ? ""
                   : std::string(token->second.data(), token->second.size());
    }
    v1::AgentMessage message;
    while (stream->Read(&message)) {
      const std::lock_guard lock(mutex_);
      heard_.push_back(message);
      changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    if (stream_ == stream) stream_ = nullptr;
    return grpc::Status::OK;
  }
  void Send(const v1::Delta& delta) {
    v1::ControlMessage message;
    *message.mutable_delta() = delta;
    const std::lock_guard lock(mutex_);
    ASSERT_NE(stream_, nullptr);
    stream_->Write(message);
  }
  v1::AgentMessage Hear() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [this] { return !heard_.empty(); })) return {};
    v1::AgentMessage message = heard_.front();
    heard_.pop_front();
    return message;
  }
  std::string token() {
    const std::lock_guard lock(mutex_);
    return token_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  grpc::ServerReaderWriter<v1::ControlMessage, v1::AgentMessage>* stream_ = nullptr;
  std::deque<v1::AgentMessage> heard_;
  std::string token_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

v1::BundleUpdate Update(const std::string& name, std::uint32_t port = 80) {
  v1::ServiceBundle bundle;
  *bundle.mutable_key() = wire::ToProto(ServiceKey{"local", "default", name});
  bundle.add_ports()->set_port(port);
  v1::BundleUpdate update;
  *update.mutable_service() = bundle.key();
  update.set_bundle(bundle.SerializeAsString());
  return update;
}

v1::Delta DeltaTo(std::uint64_t sequence, const std::string& store, std::uint64_t revision) {
  v1::Delta delta;
  delta.set_sequence(sequence);
  *delta.mutable_version() = wire::ToProto(snapshot::Version{store, 1, revision});
  return delta;
}

struct GrpcLinkTest : ::testing::Test {
  ThreadCold cold;
  std::string token_path =
      (std::filesystem::temp_directory_path() / ("weft-token-" + std::to_string(::getpid()))).string();
  std::unique_ptr<dial::Dialer> dialer;
  std::unique_ptr<Manager> manager;
  std::mutex mutex;
  snapshot::SnapshotPtr latest;

  // ThreadSanitizer does not see the locks of Debian's gRPC and reports its threads now and then.
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "gRPC is not instrumented";
#endif
  }
  void Start(int port, std::vector<ServiceKey> initial) {
    std::ofstream(token_path) << "secret\n";
    const dial::DialerOptions way{"127.0.0.1:" + std::to_string(port), token_path};
    dialer = std::make_unique<dial::Dialer>(cold, way);
    GrpcLinkOptions options;
    options.node_id = "web-1";
    options.cluster = "local";
    options.ns = "default";
    ManagerOptions managed;
    managed.initial = std::move(initial);
    ManagerHooks hooks;
    hooks.install = [this](snapshot::SnapshotPtr snapshot) {
      const std::lock_guard lock(mutex);
      latest = std::move(snapshot);
    };
    hooks.drain = [](Duration) {};
    hooks.log = [](bool, const std::string&) {};
    manager = std::make_unique<Manager>(cold, managed, hooks, std::make_unique<GrpcLink>(*dialer, options));
    cold.Do([this] { manager->Start(); });
  }
  void TearDown() override {
    if (!manager) return;
    cold.Do([this] {
      manager->Stop();
      manager.reset();
      dialer.reset();
    });
    std::filesystem::remove(token_path);
  }
  bool Has(const std::string& name) {
    const std::lock_guard lock(mutex);
    return latest && latest->Find({"local", "default", name}) != nullptr;
  }
};

TEST_F(GrpcLinkTest, TwoOfThreeBundlesApplyTheFieldIsNamedAndNeitherAnOldNorAnEmptyStoreTakesThemAway) {
  ScriptedMesh mesh;
  Start(mesh.port(), {{"local", "default", "a"}, {"local", "default", "b"}});
  const v1::Hello hello = mesh.Hear().hello();
  EXPECT_EQ(hello.node_id(), "web-1");
  EXPECT_EQ(hello.held_size(), 2);
  EXPECT_EQ(mesh.token(), "Bearer secret");

  v1::Delta three = DeltaTo(1, "s", 5);
  *three.add_bundles() = Update("a");
  *three.add_bundles() = Update("bad", 70000);
  *three.add_bundles() = Update("b");
  mesh.Send(three);
  v1::Ack ack = mesh.Hear().ack();
  EXPECT_EQ(ack.accepted_size(), 2);
  ASSERT_EQ(ack.rejected_size(), 1);
  EXPECT_EQ(ack.rejected(0).field(), "ports[0].port");
  EXPECT_EQ(ack.rejected(0).service().name(), "bad");

  v1::Delta old = DeltaTo(2, "s", 4);
  *old.add_bundles() = Update("a", 81);
  mesh.Send(old);
  ack = mesh.Hear().ack();
  EXPECT_EQ(ack.refused_field(), "version");

  v1::Delta empty = DeltaTo(3, "fresh", 0);
  empty.set_full(true);
  mesh.Send(empty);
  ack = mesh.Hear().ack();
  EXPECT_EQ(ack.sequence(), 3u);
  EXPECT_TRUE(ack.awaiting_confirmation());
  EXPECT_TRUE(Has("a") && Has("b"));
}

TEST_F(GrpcLinkTest, AfterAReconnectItResumesByWhatItHolds) {
  auto mesh = std::make_unique<ScriptedMesh>();
  const int port = mesh->port();
  Start(port, {{"local", "default", "a"}});
  mesh->Hear();
  v1::Delta first = DeltaTo(1, "s", 5);
  *first.add_bundles() = Update("a");
  mesh->Send(first);
  mesh->Hear();
  mesh = nullptr;
  mesh = std::make_unique<ScriptedMesh>(port);
  const v1::Hello hello = mesh->Hear().hello();
  EXPECT_EQ(hello.version().revision(), 5u);
  ASSERT_EQ(hello.held_size(), 1);
  EXPECT_EQ(hello.held(0).bundle_hash(), wire::Sha256Hex(Update("a").bundle()));
}

TEST_F(GrpcLinkTest, AFirstUseTravelsAsASubscription) {
  ScriptedMesh mesh;
  Start(mesh.port(), {});
  mesh.Hear();
  mesh.Send(DeltaTo(1, "s", 1));
  mesh.Hear();
  std::promise<bool> found;
  manager->Need({"local", "default", "late"}, [&](bool yes) { found.set_value(yes); });
  const v1::AgentMessage asked = mesh.Hear();
  ASSERT_EQ(asked.subscribe().services_size(), 1);
  EXPECT_EQ(asked.subscribe().services(0).name(), "late");
  v1::Delta delta = DeltaTo(2, "s", 1);
  *delta.add_unknown() = asked.subscribe().services(0);
  mesh.Send(delta);
  EXPECT_FALSE(found.get_future().get());
}

}  // namespace
}  // namespace weft::config
