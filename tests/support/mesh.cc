#include "tests/support/mesh.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>

namespace weft::support {

void CountingSink::Request(const report::RequestReport& report) {
  reasons.push_back(report.reason);
  statuses.push_back(report.status);
}

Mesh::Mesh() {
  options_.worker.engine.seed = 1;
  options_.worker.request_seed = 1;
  options_.make_sink = [](std::size_t) { return std::make_unique<CountingSink>(); };
  forward::Listener outbound;
  outbound.name = "outbound";
  outbound.listen = {net::Ip::V4(127, 0, 0, 1), 0};
  options_.listeners.push_back(outbound);
}

Mesh::~Mesh() = default;

policy::ServicePolicy& Mesh::Service(const std::string& name, const std::vector<net::Address>& instances,
                                     policy::Protocol protocol) {
  Entry entry{std::make_shared<policy::ServiceBundle>(), std::make_shared<snapshot::Endpoints>()};
  entry.bundle->key = {"local", "default", name};
  entry.bundle->ports = {{"main", 80, protocol}};
  entry.endpoints->service = entry.bundle->key;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    snapshot::Instance instance;
    instance.id = name + "-" + std::to_string(i);
    instance.hash = HashBytes(instance.id);
    instance.address = instances[i];
    entry.endpoints->instances.push_back(instance);
  }
  services_.push_back(entry);
  forward::Listener listener;
  listener.name = "service-" + name;
  listener.listen = {net::Ip::V4(127, 0, 0, 1), 0};
  listener.service = entry.bundle->key;
  options_.listeners.push_back(listener);
  return entry.bundle->policy;
}

Mesh::Entry& Mesh::Find(const std::string& name) {
  for (Entry& entry : services_) {
    if (entry.bundle->key.name == name) return entry;
  }
  ADD_FAILURE() << "no service " << name;
  return services_.front();
}

policy::Route& Mesh::Route(const std::string& service) {
  policy::ServiceBundle& bundle = *Find(service).bundle;
  policy::Route route;
  route.name = "default/" + service;
  route.ns = "default";
  policy::RouteRule rule;
  rule.name = route.name + "/0";
  rule.matches.push_back({});
  policy::BackendRef ref;
  ref.backend = {bundle.key, 80};
  rule.backends.push_back(ref);
  rule.timeouts = bundle.policy.timeouts;
  rule.retry = bundle.policy.retry;
  route.rules.push_back(rule);
  bundle.routes.push_back(route);
  return bundle.routes.back();
}

policy::ServiceBundle& Mesh::Bundle(const std::string& service) { return *Find(service).bundle; }

void Mesh::MarkMeshed(const std::string& service) {
  for (snapshot::Instance& instance : Find(service).endpoints->instances) instance.capabilities.meshed = true;
}

void Mesh::Inbound(const std::string& service, const net::Address& application) {
  forward::Listener listener;
  listener.name = "inbound-" + service;
  listener.direction = engine::Direction::kInbound;
  listener.listen = {net::Ip::V4(127, 0, 0, 1), 0};
  listener.service = ServiceKey{"local", "default", service};
  listener.application = application;
  options_.listeners.push_back(listener);
}

snapshot::SnapshotPtr Mesh::MakeSnapshot() const {
  auto made = std::make_shared<snapshot::Snapshot>();
  made->generation = generation_;
  made->version.revision = generation_;
  for (const Entry& entry : services_) {
    auto service = std::make_shared<snapshot::Service>();
    service->bundle = std::make_shared<policy::ServiceBundle>(*entry.bundle);
    service->endpoints = std::make_shared<snapshot::Endpoints>(*entry.endpoints);
    service->revision = generation_;
    made->services[entry.bundle->key] = service;
    made->by_name.emplace(entry.bundle->key.name, entry.bundle->key);
  }
  return made;
}

void Mesh::Start() {
  forwarder_ = std::make_unique<forward::Forwarder>(options_);
  const Status bound = forwarder_->Bind();
  ASSERT_TRUE(bound.has_value()) << bound.error().Text();
  Reinstall();
  forwarder_->Start();
}

void Mesh::Reinstall() {
  ++generation_;
  forwarder_->Install(MakeSnapshot());
}

void Mesh::Move(const std::string& service, const net::Address& to) {
  Entry& entry = Find(service);
  entry.endpoints = std::make_shared<snapshot::Endpoints>(*entry.endpoints);
  ++entry.endpoints->version;
  entry.endpoints->instances.front().address = to;
  Reinstall();
}

net::Address Mesh::address(const std::string& listener) const {
  for (const auto& each : forwarder_->listeners()) {
    if (each->name == listener) return each->listen;
  }
  ADD_FAILURE() << "no listener " << listener;
  return {};
}

void Mesh::OnWorker(const std::function<void(forward::Worker&)>& work) {
  std::promise<void> done;
  forward::Worker& worker = *forwarder_->workers().front();
  worker.loop().Post([&] {
    work(worker);
    done.set_value();
  });
  done.get_future().wait();
}

CountingSink Mesh::Counted() {
  CountingSink copy;
  OnWorker([&](forward::Worker& worker) { copy = static_cast<CountingSink&>(worker.sink()); });
  return copy;
}

bool WaitUntil(const std::function<bool()>& condition, Duration most) {
  const TimePoint end = ReadMonotonicClock() + most;
  while (!condition()) {
    if (ReadMonotonicClock() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace weft::support
