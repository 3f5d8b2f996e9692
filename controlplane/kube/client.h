#pragma once
// Calls of a Kubernetes API server, one connection each. Errors of the server carry what its Status says.
// Thread rule: any thread.

#include <boost/asio/io_context.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "common/http/client.h"
#include "controlplane/kube/config.h"

namespace weft::kube {

using Json = nlohmann::ordered_json;  // as controlplane/api

class Client {
 public:
  explicit Client(Config config) : config_(std::move(config)) {}

  // Answers on a thread of `context`; a status that is not 2xx is an error.
  void Async(boost::asio::io_context& context, http::Request request,
             std::function<void(Result<http::Response>)> done, http::CallOptions options = {}) const;
  // Blocks. The body as JSON.
  Result<Json> Call(const std::string& method, const std::string& path, const Json& body = nullptr,
                    const std::string& type = "application/json") const;
  const Config& config() const { return config_; }

 private:
  Result<http::Request> Authorised(http::Request request) const;
  Config config_;
};

// kNotFound, kConflict, kForbidden (with what RBAC lacks), kGone for 410, kOverloaded for 429, …
Error ErrorOf(const http::Response& response, const std::string& what);

}  // namespace weft::kube
