#pragma once
// What the tests of this folder make: services, releases, hellos.

#include "common/wire/wire.h"
#include "controlplane/stream/hub.h"

namespace weft::stream {

inline constexpr TimePoint kStart = TimePoint(std::chrono::seconds(100));
using std::chrono::milliseconds;

inline ServiceKey Key(std::string name) { return {"local", "default", std::move(name)}; }

inline policy::ServiceBundle Bundle(const std::string& name, std::uint32_t attempts = 2,
                                    const std::string& backend = {}) {
  policy::ServiceBundle bundle;
  bundle.key = Key(name);
  bundle.ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle.policy.retry.attempts = attempts;
  if (!backend.empty()) {
    policy::RouteRule rule;
    rule.name = "default/" + name + "/0";
    rule.matches = {{}};
    rule.backends.resize(1);
    rule.backends[0].backend = {Key(backend), 80};
    bundle.routes.push_back({.name = "default/" + name, .ns = "default", .hostnames = {}, .rules = {rule}});
  }
  return bundle;
}

inline ReleasePtr MakeTestRelease(std::uint64_t revision, std::vector<policy::ServiceBundle> bundles,
                                  const ReleasePtr& previous = nullptr) {
  compile::Output output;
  for (policy::ServiceBundle& bundle : bundles) output.bundles.emplace(bundle.key, std::move(bundle));
  return MakeRelease(output, {"store", 1, revision}, previous);
}

inline snapshot::EndpointsPtr MakeEndpoints(const std::string& name, std::uint64_t version,
                                            const std::vector<std::string>& ids) {
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->service = Key(name);
  endpoints->version = version;
  for (const std::string& id : ids) {
    snapshot::Instance instance;
    instance.id = id;
    instance.address = {net::Ip::V4(127, 0, 0, 1), 8080};
    endpoints->instances.push_back(std::move(instance));
  }
  return endpoints;
}

inline v1::Hello HelloOf(const std::string& id, const std::vector<std::string>& subscribed = {}) {
  v1::Hello hello;
  hello.set_node_id(id);
  hello.set_namespace_("default");
  for (const std::string& name : subscribed) *hello.add_held()->mutable_service() = wire::ToProto(Key(name));
  return hello;
}

inline v1::Subscribe SubscribeTo(const std::string& name) {
  v1::Subscribe message;
  *message.add_services() = wire::ToProto(Key(name));
  return message;
}

// The next message of a session or of a hub's stream, read as an agent reads it.
template <class From, class... Args>
std::optional<v1::ControlMessage> NextOf(From& from, const Args&... args) {
  const std::optional<Outgoing> message = from.Next(args...);
  return message ? Parse(*message) : std::nullopt;
}

struct FakeOutlet : Outlet {
  void Kick() override { ++kicks; }
  void Abort() override { ++aborts; }
  void Close(const Error& error) override { closed = error.Text(); }
  int kicks = 0, aborts = 0;
  std::string closed;
};

}  // namespace weft::stream
