#include "agent/forward/ports.h"

#include <gtest/gtest.h>

namespace weft::forward {
namespace {

// As Kubernetes has it: a port of the service, and where the pod listens for it.
snapshot::Service Echo() {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  const auto port = [](const char* name, std::uint16_t number) {
    policy::ServicePort out;
    out.name = name;
    out.port = number;
    return out;
  };
  bundle->ports = {port("http", 80), port("alt", 8080), port("grpc", 7070)};
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  snapshot::Instance instance;
  instance.address = *net::Address::Parse("10.0.0.1:9999");
  instance.ports = {{"http", 8000}, {"alt", 8080}, {"grpc", 7070}};
  endpoints->instances = {instance};
  return {bundle, endpoints, 0};
}

TEST(PortOfTest, APortThatIsNamedIsThatOne) {
  const snapshot::Service echo = Echo();
  EXPECT_EQ(PortOf(echo, "grpc", 8000), 7070);
  EXPECT_EQ(PortOf(echo, "8080", 8000), 8080);
  EXPECT_EQ(PortOf(echo, "metrics", 8000), 0);
}

TEST(PortOfTest, WithoutANameItIsTheOneThatLeadsToWhereTheWorkloadListens) {
  const snapshot::Service echo = Echo();
  EXPECT_EQ(PortOf(echo, "", 8000), 80);
  EXPECT_EQ(PortOf(echo, "", 8080), 8080);
  EXPECT_EQ(PortOf(echo, "", 7070), 7070);
  EXPECT_EQ(PortOf(echo, "", 12345), 80) << "the first, as without several";
}

TEST(PortOfTest, AServiceWithoutPortsOrInstancesHasNone) {
  snapshot::Service empty{std::make_shared<policy::ServiceBundle>(), std::make_shared<snapshot::Endpoints>(),
                          0};
  EXPECT_EQ(PortOf(empty, "", 80), 0);
  empty.bundle = Echo().bundle;
  EXPECT_EQ(PortOf(empty, "", 7070), 80);
}

}  // namespace
}  // namespace weft::forward
