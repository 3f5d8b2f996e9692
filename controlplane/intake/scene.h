#pragma once
// For tests of sources of services: a control plane as far as discovery needs one, the outside world of a
// source as the test moves it, and a fixture of both. Time that matters to the registry is simulated.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "controlplane/intake/registrar.h"
#include "controlplane/store/memory.h"

namespace weft::intake {

// Agents' side of the registry, as far as tests look at it: the merged instances of each service.
class Merged final : public api::Publisher {
 public:
  void Release(const compile::Output& compiled, const snapshot::Version&) override {
    for (const ServiceKey& service : compiled.removed) fixed_[service].clear(), Merge(service);
    for (const auto& [service, list] : compiled.endpoints) fixed_[service] = list.instances, Merge(service);
  }
  Status CanStage(const compile::Output&) const override { return {}; }
  std::set<ServiceKey> Stage(const compile::Output&, const snapshot::Version&, rollout::Cohort) override {
    return {};
  }
  void Widen(rollout::Cohort) override {}
  void Promote() override {}
  std::uint64_t Registered(const ServiceKey& service, std::vector<snapshot::Instance> instances) override {
    registered_[service] = std::move(instances);
    Merge(service);
    return ++version_;
  }
  snapshot::EndpointsPtr Endpoints(const ServiceKey& service) const override {
    const auto found = merged_.find(service);
    return found == merged_.end() ? nullptr : found->second;
  }

 private:
  void Merge(const ServiceKey& service) {
    std::map<InstanceId, snapshot::Instance> by_id;
    for (const auto* list : {&fixed_[service], &registered_[service]}) {
      for (const snapshot::Instance& instance : *list) by_id[instance.id] = instance;
    }
    auto endpoints = std::make_shared<snapshot::Endpoints>(snapshot::Endpoints{service, version_, {}});
    for (auto& [id, instance] : by_id) endpoints->instances.push_back(std::move(instance));
    merged_[service] = std::move(endpoints);
  }
  std::map<ServiceKey, std::vector<snapshot::Instance>> fixed_, registered_;
  std::map<ServiceKey, snapshot::EndpointsPtr> merged_;
  std::uint64_t version_ = 0;
};

// A control plane as far as discovery needs one; Restart makes a new one over the same store.
struct Scene {
  struct Life {
    explicit Life(Scene& scene)
        : control(*scene.store, publisher,
                  {.environment = {},
                   .clock = [&scene] { return scene.Now(); },
                   .wall_clock = [&scene] { return WallTime(scene.Now().time_since_epoch()); },
                   .events = &events,
                   .sources = &board}),
          registrar(control, board,
                    {[&scene] { return scene.Now(); },
                     [&scene] { return WallTime(scene.Now().time_since_epoch()); }, &events}) {
      EXPECT_TRUE(control.Load());
    }
    sources::Board board;
    events::Book events;
    Merged publisher;
    api::Control control;
    Registrar registrar;
  };
  TimePoint Now() const { return FromNanos(now_ns); }
  void Advance(Duration span) { now_ns += span.count(); }
  std::atomic<std::int64_t> now_ns = 1'000'000'000'000;  // sources may have threads
  std::unique_ptr<store::Store> store = store::MakeMemoryStore();
  std::unique_ptr<Life> life = std::make_unique<Life>(*this);

  void Restart() {
    life.reset();
    life = std::make_unique<Life>(*this);
  }
  api::Control& control() { return life->control; }
  v1::Service Service(const std::string& name) {
    v1::GetServiceRequest request;
    request.set_namespace_("default");
    request.set_name(name);
    auto service = control().GetService({}, request);
    return service ? *service : v1::Service();
  }
  std::vector<v1::RegisteredInstance> Instances(const std::string& service) {
    v1::ListInstancesRequest request;
    request.set_namespace_("default");
    request.set_service(service);
    const auto list = control().ListInstances({}, request);
    if (!list) return {};
    return {list->instances().begin(), list->instances().end()};
  }
  std::optional<v1::RegisteredInstance> At(const std::string& service, std::uint32_t port) {
    for (v1::RegisteredInstance& one : Instances(service)) {
      if (one.instance().port() == port) return one;
    }
    return std::nullopt;
  }
  bool Has(const std::string& service, std::string_view condition) {
    const v1::Service seen = Service(service);
    return std::any_of(seen.conditions().begin(), seen.conditions().end(),
                       [&](const v1::Condition& one) { return one.type() == condition; });
  }
  Status PutByApi(const std::string& name) {
    v1::PutServiceRequest request;
    request.mutable_service()->set_namespace_("default");
    request.mutable_service()->set_name(name);
    request.mutable_service()->add_ports()->set_port(80);
    const auto done = control().PutService({"ann", auth::Role::kEditor}, request);
    return done ? Status() : Status(done.error());
  }
  void DeleteByApi(const std::string& name) {
    v1::DeleteServiceRequest request;
    request.set_namespace_("default");
    request.set_name(name);
    EXPECT_TRUE(control().DeleteService({"ann", auth::Role::kEditor}, request));
  }
};

struct Placed {
  enum class State { kServing, kDraining };
  std::string service, id;
  std::uint16_t port = 0;  // at 127.0.0.1; what tests tell instances apart by
  State state = State::kServing;
};

class World {
 public:
  virtual ~World() = default;
  virtual std::string owner() const = 0;
  virtual bool has_uids() const { return true; }      // an instance keeps its id when its port changes
  virtual bool drains() const { return true; }        // it can say that an instance drains
  virtual bool survives() const { return true; }      // what it said stays while it is away
  virtual bool is_endpoints() const { return true; }  // its instances are endpoints: no revisions, damped
  // Connects it to a control plane; what connected it before is gone by then.
  virtual void Connect(Scene& scene) = 0;
  virtual void Disconnect() = 0;
  virtual void Put(const Placed& placed) = 0;
  virtual void Remove(const std::string& service, const std::string& id) = 0;
  virtual void GoDown() = 0;
  virtual void ComeBack() = 0;
  virtual void Turn() = 0;  // the source gets to notice; at most some milliseconds
};
using MakeWorld = std::function<std::unique_ptr<World>()>;

// For what one source alone does.
template <class Outside>
class SourceTest : public testing::Test {
 protected:
  void TearDown() override { world.Disconnect(); }
  // Real time only bounds the wait.
  bool Comes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      world.Turn();
      scene.life->registrar.Tick();
    }
    return true;
  }
  sources::Look Look() { return *scene.life->board.Find(world.owner()); }

  Scene scene;
  Outside world;
};

}  // namespace weft::intake
