// Many light agents in one process, each with a connection and a stream of its own, that hold what they are
// sent and judge it: within a store no revision is lower than one they were at, one revision of a service is
// one content, and a pair of services written in one transaction is never half there.
//   scripted-fleet AGENTS PAIRS
// Agent i uses the services w<i mod PAIRS>-a and -b of the namespace "default"; the port of their first port
// is a mark that only grows and is the same in both. Lines of input: `connect PORT` (agents keep what they
// hold, as after a lost stream), `state` (answered by a line of JSON).
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>

#include "weft/v1/bundle.pb.h"
#include "weft/v1/mesh.grpc.pb.h"

namespace {

namespace v1 = weft::v1;

// What the agents saw together. Thread rule: any thread.
class Witness {
 public:
  void Say(const std::string& wrong) {
    const std::scoped_lock lock(mutex_);
    if (wrong_.size() < 20) wrong_.push_back(wrong);
  }

  void Saw(const std::string& service, std::uint64_t revision, const std::string& hash) {
    const std::scoped_lock lock(mutex_);
    const auto [at, fresh] = hashes_.try_emplace({service, revision}, hash);
    if (!fresh && at->second != hash && wrong_.size() < 20)
      wrong_.push_back("revision " + std::to_string(revision) + " of " + service + " had two contents");
  }

  void Delta(bool full) {
    const std::scoped_lock lock(mutex_);
    full ? ++full_ : ++deltas_;
  }
  void StreamBegan() {
    const std::scoped_lock lock(mutex_);
    ++live_;
    ++streams_;
  }
  void StreamEnded() {
    const std::scoped_lock lock(mutex_);
    --live_;
    ended_.notify_all();
  }
  void AwaitEnd() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return live_ == 0; });
  }

  nlohmann::json State() {
    const std::scoped_lock lock(mutex_);
    return {{"streams", streams_}, {"deltas", deltas_}, {"full", full_}, {"wrong", wrong_}};
  }

 private:
  std::mutex mutex_;  // guards all below
  std::condition_variable ended_;
  std::map<std::pair<std::string, std::uint64_t>, std::string> hashes_;
  std::vector<std::string> wrong_;
  std::uint64_t live_ = 0, streams_ = 0, deltas_ = 0, full_ = 0;
};

class Agent {
 public:
  Agent(Witness& witness, int number, int pairs)
      : witness_(witness), node_("agent-" + std::to_string(number)) {
    for (const char* half : {"-a", "-b"}) held_["w" + std::to_string(number % pairs) + half];
  }
  ~Agent() { Leave(); }

  void Connect(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own, as agents have
    stub_ =
        v1::Mesh::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    witness_.StreamBegan();
    stream_ = std::make_unique<Stream>(*this);
  }

  void Leave() {
    if (stream_ != nullptr) stream_->context.TryCancel();
  }

  struct Progress {
    std::uint64_t revision = 0;
    bool greeted = false;  // by the stream it has now
  };
  Progress progress() {
    const std::scoped_lock lock(mutex_);
    return {version_.revision(), greeted_};
  }

 private:
  struct Held {
    std::string hash;  // empty: no bundle yet
    std::uint32_t mark = 0;
    v1::Endpoints endpoints;  // without instances
  };

  class Stream final : public grpc::ClientBidiReactor<v1::AgentMessage, v1::ControlMessage> {
   public:
    explicit Stream(Agent& agent) : agent_(agent) {
      context.set_wait_for_ready(true);  // of so many new connections some are refused: they come again
      agent.stub_->async()->Connect(&context, this);
      out_.push_back(agent.Hello());
      StartWrite(&out_.front());
      StartRead(&in_);
      StartCall();
    }
    void OnReadDone(bool ok) override {
      if (!ok) return;
      if (in_.has_delta()) Queue(agent_.OnDelta(in_.delta()));
      StartRead(&in_);
    }
    void OnWriteDone(bool ok) override {
      const std::scoped_lock lock(mutex_);
      out_.pop_front();
      broken_ = broken_ || !ok;
      if (!broken_ && !out_.empty()) StartWrite(&out_.front());
    }
    void OnDone(const grpc::Status&) override { agent_.witness_.StreamEnded(); }
    grpc::ClientContext context;

   private:
    void Queue(v1::AgentMessage message) {
      const std::scoped_lock lock(mutex_);
      out_.push_back(std::move(message));
      if (!broken_ && out_.size() == 1) StartWrite(&out_.front());
    }
    Agent& agent_;
    v1::ControlMessage in_;
    std::mutex mutex_;                  // guards all below
    std::deque<v1::AgentMessage> out_;  // the first is being written
    bool broken_ = false;
  };

  v1::AgentMessage Hello() {
    const std::scoped_lock lock(mutex_);
    greeted_ = false;
    v1::AgentMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_node_id(node_);
    hello.set_namespace_("default");
    if (!version_.store_id().empty()) *hello.mutable_version() = version_;
    for (const auto& [name, held] : held_) {
      v1::HeldService& service = *hello.add_held();
      SetService(*service.mutable_service(), name);
      service.set_bundle_hash(held.hash);
      service.set_endpoints_store_id(held.endpoints.store_id());
      service.set_endpoints_epoch(held.endpoints.epoch());
      service.set_endpoints_version(held.endpoints.version());
    }
    return message;
  }

  v1::AgentMessage OnDelta(const v1::Delta& delta) {
    const std::scoped_lock lock(mutex_);
    greeted_ = true;
    witness_.Delta(delta.full());
    v1::AgentMessage message;
    v1::Ack& ack = *message.mutable_ack();
    ack.set_sequence(delta.sequence());
    Take(delta, ack);
    if (delta.has_version()) {
      *ack.mutable_target() = delta.version();
      Judge(delta.version());
    }
    if (!version_.store_id().empty()) *ack.mutable_effective() = version_;
    return message;
  }

  void Take(const v1::Delta& delta, v1::Ack& ack) {
    for (const v1::BundleUpdate& update : delta.bundles()) {
      v1::ServiceBundle bundle;
      Held& held = held_[update.service().name()];
      if (!bundle.ParseFromString(update.bundle()) || bundle.ports().empty())
        return witness_.Say(node_ + " got a bundle without ports");
      if (bundle.ports(0).port() < held.mark) Wrong("went back to mark", bundle.ports(0).port());
      held.mark = bundle.ports(0).port();
      held.hash = update.hash();
      v1::BundleAck& accepted = *ack.add_accepted();
      *accepted.mutable_service() = update.service();
      accepted.set_hash(update.hash());
    }
    for (const v1::Endpoints& endpoints : delta.endpoints()) {
      Held& held = held_[endpoints.service().name()];
      held.endpoints = endpoints;
      held.endpoints.clear_instances();
    }
    if (!delta.removed().empty()) witness_.Say(node_ + ": a service was taken away");
  }

  void Judge(const v1::Version& now) {
    if (!version_.store_id().empty() && now.store_id() != version_.store_id())
      Wrong("was moved to another store at", 0);
    if (now.revision() < version_.revision()) Wrong("was told revision", now.revision());
    if (now.epoch() < version_.epoch()) Wrong("was told epoch", now.epoch());
    version_ = now;
    std::uint32_t mark = held_.begin()->second.mark;
    for (const auto& [name, held] : held_) {
      if (held.mark != mark) Wrong("has half a transaction, mark", held.mark);
      if (!held.hash.empty()) witness_.Saw(name, now.revision(), held.hash);
    }
  }

  void Wrong(const std::string& what, std::uint64_t number) {
    witness_.Say(node_ + " at epoch " + std::to_string(version_.epoch()) + " revision " +
                 std::to_string(version_.revision()) + " " + what + " " + std::to_string(number));
  }

  static void SetService(v1::ServiceKey& key, const std::string& name) {
    key.set_namespace_("default");
    key.set_name(name);
  }

  Witness& witness_;
  const std::string node_;
  std::unique_ptr<v1::Mesh::Stub> stub_;
  std::unique_ptr<Stream> stream_;
  std::mutex mutex_;  // guards all below
  bool greeted_ = false;
  v1::Version version_;
  std::map<std::string, Held> held_;
};

nlohmann::json StateOf(Witness& witness, const std::vector<std::unique_ptr<Agent>>& agents) {
  nlohmann::json state = witness.State();
  std::uint64_t greeted = 0, lowest = ~0ULL, highest = 0;
  for (const auto& agent : agents) {
    const auto [revision, is_greeted] = agent->progress();
    greeted += is_greeted ? 1 : 0;
    lowest = std::min(lowest, revision);
    highest = std::max(highest, revision);
  }
  state.update({{"greeted", greeted}, {"lowest", lowest}, {"highest", highest}});
  return state;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: scripted-fleet AGENTS PAIRS\n";
    return 2;
  }
  Witness witness;
  std::vector<std::unique_ptr<Agent>> agents;
  for (int i = 0; i < std::stoi(argv[1]); ++i)
    agents.push_back(std::make_unique<Agent>(witness, i, std::stoi(argv[2])));
  const auto leave = [&] {
    for (const auto& agent : agents) agent->Leave();
    witness.AwaitEnd();
  };
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string verb, port;
    words >> verb >> port;
    if (verb == "connect") {
      leave();
      for (const auto& agent : agents) agent->Connect("127.0.0.1:" + port);
    } else {
      std::cout << StateOf(witness, agents).dump() << std::endl;
    }
  }
  leave();
  return 0;
}
