// Registration by the API, with leases, does what sources do as far as it has a counterpart there.
#include "controlplane/intake/conformance.h"

namespace weft::intake {
namespace {

class Leases final : public World {
 public:
  std::string owner() const override { return api::kApiOwner; }
  bool survives() const override { return false; }
  void Connect(Scene& scene) override { scene_ = &scene; }
  void Disconnect() override {}
  void Put(const Placed& placed) override {
    if (scene_->Service(placed.service).name().empty()) {
      ASSERT_TRUE(scene_->PutByApi(placed.service));
    }
    v1::PutInstanceRequest request;
    v1::RegisteredInstance& one = *request.mutable_instance();
    one.set_namespace_("default");
    one.set_service(placed.service);
    one.set_ttl_ms(30'000);
    one.mutable_instance()->set_id(placed.id);
    one.mutable_instance()->set_address("127.0.0.1");
    one.mutable_instance()->set_port(placed.port);
    one.mutable_instance()->set_weight(1);
    one.mutable_instance()->set_draining(placed.state == Placed::State::kDraining);
    ASSERT_TRUE(scene_->control().PutInstance({}, request));
    ids_.insert({placed.service, placed.id});
  }
  void Remove(const std::string& service, const std::string& id) override {
    v1::DeleteInstanceRequest request;
    request.set_namespace_("default");
    request.set_service(service);
    request.set_id(id);
    ASSERT_TRUE(scene_->control().DeleteInstance({}, request));
    ids_.erase({service, id});
  }
  void GoDown() override { up_ = false; }
  void ComeBack() override { up_ = true; }
  void Turn() override {
    for (const auto& [service, id] : ids_) {
      v1::HeartbeatRequest request;
      request.set_namespace_("default");
      request.set_service(service);
      request.set_id(id);
      if (up_) (void)scene_->control().Heartbeat({}, request);
    }
  }

 private:
  Scene* scene_ = nullptr;
  std::set<std::pair<std::string, std::string>> ids_;
  bool up_ = true;
};

INSTANTIATE_TEST_SUITE_P(Leases, SourceConformance,
                         testing::Values([] { return std::make_unique<Leases>(); }));

}  // namespace
}  // namespace weft::intake
