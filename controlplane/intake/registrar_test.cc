#include "controlplane/intake/registrar.h"

#include <gtest/gtest.h>

#include "controlplane/intake/scene.h"

namespace weft::intake {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

FoundPtr Service(const std::string& name, int instances, const std::string& address = "10.0.0.") {
  const auto parsed =
      resource::ParseDocuments("apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: " + name +
                                   "}\nspec: {ports: [{port: 80}]}\n",
                               "");
  Found found{parsed.documents.at(0), {}};
  for (int i = 1; i <= instances; ++i) {
    v1::Instance one;
    one.set_id(name + std::to_string(i));
    one.set_address(address + std::to_string(i));
    one.set_port(80);
    one.set_weight(1);
    found.instances.push_back(one);
  }
  return std::make_shared<const Found>(std::move(found));
}

PicturePtr All(std::map<std::string, int> services) {
  auto picture = std::make_shared<Picture>();
  for (const auto& [name, instances] : services)
    picture->services[{"local", "default", name}] = Service(name, instances);
  return picture;
}

class RegistrarTest : public testing::Test {
 protected:
  Sink& Add(const std::string& name, SlotOptions options = {}) {
    return scene.life->registrar.Add(name, options);
  }
  void Pass(Duration span) {
    scene.Advance(span);
    scene.life->registrar.Tick();
  }
  bool Heard(std::string_view reason) {
    for (const events::Event& event : scene.life->events.After(0)) {
      if (event.reason == reason) return true;
    }
    return false;
  }
  Scene scene;
};

TEST_F(RegistrarTest, TheSameReportAgainMakesNoRevision) {
  Sink& consul = Add("consul");
  ASSERT_TRUE(consul.Report(All({{"cart", 2}})));
  ASSERT_TRUE(consul.Report(All({{"cart", 2}})));
  EXPECT_EQ(scene.store->version().revision, 1U);
  EXPECT_EQ(scene.Instances("cart").size(), 2U);
}

TEST_F(RegistrarTest, OfTwoSourcesTheFirstOwnsAndTheSecondTakesOverWhenItIsGone) {
  Sink& consul = Add("consul", {.linger = seconds(10)});
  Sink& etcd = Add("etcd");
  ASSERT_TRUE(consul.Report(All({{"cart", 2}})));
  ASSERT_TRUE(etcd.Report(All({{"cart", 1}, {"pay", 1}})));
  EXPECT_EQ(scene.Service("cart").source(), "consul");
  EXPECT_TRUE(scene.Has("cart", "Conflicted"));
  EXPECT_EQ(scene.Instances("cart").size(), 2U);
  EXPECT_EQ(scene.Service("pay").source(), "etcd");
  EXPECT_TRUE(Heard("Conflicted"));
  ASSERT_TRUE(consul.Report(All({})));
  EXPECT_TRUE(scene.Instances("cart").empty()) << "its instances go at once";
  Pass(seconds(10));
  Pass(seconds(1));
  EXPECT_EQ(scene.Service("cart").source(), "etcd");
  EXPECT_EQ(scene.Instances("cart").size(), 1U);
  EXPECT_FALSE(scene.Has("cart", "Conflicted"));
}

TEST_F(RegistrarTest, AServiceWithoutInstancesLingersSoThatItsNameDoesNotComeAndGo) {
  Sink& consul = Add("consul");
  ASSERT_TRUE(consul.Report(All({{"cart", 1}})));
  ASSERT_TRUE(consul.Report(All({})));
  Pass(minutes(4));
  EXPECT_EQ(scene.Service("cart").source(), "consul");
  ASSERT_TRUE(consul.Report(All({{"cart", 1}})));
  EXPECT_EQ(scene.store->version().revision, 1U);
  ASSERT_TRUE(consul.Report(All({})));
  Pass(minutes(5));
  EXPECT_EQ(scene.Service("cart").name(), "");
}

TEST_F(RegistrarTest, AMassRemovalIsBelievedOnlyAfterAWhile) {
  Sink& consul = Add("consul");
  ASSERT_TRUE(consul.Report(All({{"cart", 20}})));
  ASSERT_TRUE(consul.Report(All({{"cart", 9}})));
  EXPECT_EQ(scene.Instances("cart").size(), 20U);
  EXPECT_TRUE(Heard("MassRemoval"));
  Pass(seconds(30));
  ASSERT_TRUE(consul.Report(All({{"cart", 15}}))) << "they registered again";
  EXPECT_EQ(scene.Instances("cart").size(), 15U);
  ASSERT_TRUE(consul.Report(All({{"cart", 1}})));
  Pass(seconds(59));
  EXPECT_EQ(scene.Instances("cart").size(), 15U);
  Pass(seconds(1));
  EXPECT_EQ(scene.Instances("cart").size(), 1U);
}

TEST_F(RegistrarTest, AFewAndARollingReplacementAreNotDoubted) {
  Sink& consul = Add("consul");
  ASSERT_TRUE(consul.Report(All({{"cart", 9}})));
  ASSERT_TRUE(consul.Report(All({{"cart", 1}})));
  EXPECT_EQ(scene.Instances("cart").size(), 1U);
}

TEST_F(RegistrarTest, WhatIsBeyondTheBoundsIsLeftOutAndCounted) {
  Sink& consul = Add("consul", {.most_services = 2, .most_instances = 5});
  ASSERT_TRUE(consul.Report(All({{"a", 1}, {"b", 1}, {"c", 1}})));
  EXPECT_EQ(scene.Service("c").name(), "");
  EXPECT_EQ(scene.life->board.Find("consul")->left_out, 1U);
  ASSERT_TRUE(consul.Report(All({{"a", 3}, {"b", 3}})));
  EXPECT_EQ(scene.Instances("a").size(), 3U);
  EXPECT_EQ(scene.life->board.Find("consul")->left_out, 1U);
}

TEST_F(RegistrarTest, AnUnusableInstanceIsLeftOutAndTheOthersServe) {
  Sink& consul = Add("consul");
  auto picture = std::make_shared<Picture>();
  picture->services[{"local", "default", "cart"}] = Service("cart", 2, "no address ");
  auto found = std::make_shared<Found>(*Service("cart", 2));
  found->instances[0].set_address("example");
  picture->services[{"local", "default", "cart"}] = found;
  ASSERT_TRUE(consul.Report(picture));
  EXPECT_EQ(scene.Instances("cart").size(), 1U);
  ASSERT_TRUE(scene.Has("cart", "Refused"));
  EXPECT_NE(scene.Service("cart").conditions(0).message().find("cart1"), std::string::npos);
}

TEST_F(RegistrarTest, AnInstanceThatTheApiRegisteredIsNotTakenOver) {
  Sink& consul = Add("consul");
  ASSERT_TRUE(consul.Report(All({{"cart", 1}})));
  v1::PutInstanceRequest request;
  request.mutable_instance()->set_namespace_("default");
  request.mutable_instance()->set_service("cart");
  *request.mutable_instance()->mutable_instance() = Service("cart", 1)->instances[0];
  EXPECT_EQ(scene.control().PutInstance({}, request).error().kind, ErrorKind::kConflict);
  request.mutable_instance()->mutable_instance()->set_id("cart2");
  ASSERT_TRUE(scene.control().PutInstance({}, request));
  ASSERT_TRUE(consul.Report(All({{"cart", 2}})));
  EXPECT_EQ(scene.Instances("cart").size(), 2U);
  EXPECT_TRUE(scene.Has("cart", "Refused"));
}

TEST_F(RegistrarTest, WhatASourceThatIsUsedNoMoreHadGoes) {
  ASSERT_TRUE(Add("consul").Report(All({{"cart", 2}})));
  scene.Restart();
  EXPECT_EQ(scene.Instances("cart").size(), 2U);
  scene.life->registrar.Abandon("consul");
  scene.life->registrar.Tick();
  EXPECT_EQ(scene.Service("cart").name(), "");
  EXPECT_TRUE(Heard("SourceAbandoned"));
  EXPECT_TRUE(scene.store->Instances()->empty());
}

TEST_F(RegistrarTest, LosingASourceIsSaidOnce) {
  Sink& consul = Add("consul");
  ASSERT_TRUE(consul.Report(All({{"cart", 1}})));
  for (int i = 0; i < 3; ++i) consul.Lost({ErrorKind::kUnavailable, "refused", {}, {}});
  const auto look = scene.life->board.Find("consul");
  EXPECT_FALSE(look->up);
  EXPECT_EQ(look->errors, 3U);
  EXPECT_TRUE(Heard("SourceLost"));
  EXPECT_FALSE(Heard("SourceBack"));
  ASSERT_TRUE(consul.Report(All({{"cart", 1}})));
  EXPECT_TRUE(Heard("SourceBack"));
}

}  // namespace
}  // namespace weft::intake
