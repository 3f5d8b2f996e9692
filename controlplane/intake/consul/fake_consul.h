#pragma once
// For tests: a Consul as far as its catalog and health endpoints go, with their index rules: each answer has
// the index of what it shows; a query with that index waits for a greater one or for its time. On the test's
// own io_context.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "common/http/server.h"

namespace weft::intake::consul {

struct FakeInstance {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::string status = "passing";
  bool maintenance = false;
  nlohmann::json meta = nlohmann::json::object();
};

class FakeConsul {
 public:
  explicit FakeConsul(boost::asio::io_context& context) : context_(context) { ComeBack(); }

  std::uint16_t port() const { return port_; }
  void Put(const std::string& service, const std::string& id, FakeInstance instance) {
    services_[service][id] = std::move(instance);
    Changed(service);
  }
  void Remove(const std::string& service, const std::string& id) {
    services_[service].erase(id);
    Changed(service);
    if (services_[service].empty()) services_.erase(service);
  }
  void GoDown() { server_.reset(), ++life_; }
  void ComeBack() {
    auto server = http::Server::Listen(
        context_, {net::Ip::V4(127, 0, 0, 1), port_},
        [this](const http::Request& request, http::Reply reply) { Serve(request, std::move(reply)); });
    if (!server) throw std::runtime_error(server.error().Text());
    server_ = std::move(*server);
    port_ = server_->address().port;
  }
  // A new cluster: small indexes again, and whoever waits is answered.
  void ResetIndex(std::uint64_t index) {
    index_ = catalog_ = index;
    for (auto& [service, at] : modified_) at = index;
    ++life_;
  }
  std::uint64_t asked() const { return asked_; }
  int status = 200;                           // of every answer
  std::string body_instead;                   // of every answer, unless empty
  std::map<std::string, int> service_status;  // of one service's health

 private:
  void Changed(const std::string& service) { modified_[service] = catalog_ = ++index_; }
  std::uint64_t IndexOf(const std::string& path) {
    if (path == "/v1/catalog/services") return catalog_;
    const auto found = modified_.find(path.substr(path.rfind('/') + 1));
    return found == modified_.end() ? 1 : found->second;
  }
  void Serve(const http::Request& request, http::Reply reply) {
    ++asked_;
    const std::string path(request.Path());
    const std::string index = request.Query("index"), wait = request.Query("wait");
    const std::uint64_t known = index.empty() ? 0 : std::stoull(index);
    const auto until = std::chrono::steady_clock::now() +
                       std::chrono::milliseconds(wait.empty() ? 300'000 : std::stoll(wait));
    Wait(path, known, until, life_, std::move(reply));
  }
  void Wait(const std::string& path, std::uint64_t known, std::chrono::steady_clock::time_point until,
            int life, http::Reply reply) {
    if (known == 0 || IndexOf(path) > known || life != life_ || std::chrono::steady_clock::now() >= until)
      return Answer(path, reply);
    auto timer = std::make_shared<boost::asio::steady_timer>(context_, std::chrono::milliseconds(2));
    timer->async_wait([this, timer, path, known, until, life, reply](boost::system::error_code) {
      Wait(path, known, until, life, reply);
    });
  }
  void Answer(const std::string& path, const http::Reply& reply) {
    const std::string name = path.substr(path.rfind('/') + 1);
    nlohmann::json body;
    http::Response response;
    response.status = status;
    if (path == "/v1/catalog/services") {
      body = {{"consul", nlohmann::json::array()}};
      for (const auto& [service, instances] : services_) body[service] = {"weft"};
    } else {
      body = Health(name);
      if (service_status.contains(name)) response.status = service_status[name];
    }
    response.body = body_instead.empty() ? body.dump() : body_instead;
    response.headers = {{"X-Consul-Index", std::to_string(IndexOf(path))}, {"X-Consul-Knownleader", "true"}};
    reply(std::move(response));
  }
  nlohmann::json Health(const std::string& service) {
    nlohmann::json list = nlohmann::json::array();
    if (!services_.contains(service)) return list;
    for (const auto& [id, one] : services_[service]) {
      nlohmann::json checks = {{{"CheckID", "serfHealth"}, {"Status", "passing"}},
                               {{"CheckID", "service:" + id}, {"Status", one.status}}};
      if (one.maintenance)
        checks.push_back({{"CheckID", "_service_maintenance:" + id}, {"Status", "critical"}});
      list.push_back({{"Node", {{"ID", "node-1"}, {"Node", "host"}, {"Address", "127.0.0.1"}}},
                      {"Service",
                       {{"ID", id},
                        {"Service", service},
                        {"Address", one.address},
                        {"Port", one.port},
                        {"Meta", one.meta},
                        {"Weights", {{"Passing", 1}, {"Warning", 1}}}}},
                      {"Checks", checks}});
    }
    return list;
  }

  boost::asio::io_context& context_;
  std::unique_ptr<http::Server> server_;
  std::uint16_t port_ = 0;
  std::map<std::string, std::map<std::string, FakeInstance>> services_;
  std::map<std::string, std::uint64_t> modified_;
  std::uint64_t index_ = 10, catalog_ = 10, asked_ = 0;
  int life_ = 0;
};

}  // namespace weft::intake::consul
