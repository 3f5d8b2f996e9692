#pragma once
// REST on 15014: finds the row of a request, authenticates, calls the handler and writes the answer. Also
// /healthz, /readyz (both without credentials) and /metrics (as configured). Thread rule: any thread.

#include <functional>
#include <string>

#include "common/http/message.h"
#include "controlplane/api/api.h"
#include "controlplane/api/guard.h"

namespace weft::api {

class Rest {
 public:
  struct Pages {
    std::function<bool()> ready;           // /readyz: 200 or 503
    std::function<std::string()> metrics;  // /metrics: Prometheus text
    std::string program_version;
    std::function<store::Version()> version;
    bool local_only = false;    // no credentials: a web page must not use the browser's loopback
    bool metrics_auth = false;  // /metrics is for those who may read; else for everybody
  };
  Rest(Api& api, auth::Authenticator& authenticator, Pages pages);

  http::Response operator()(const http::Request& request);

 private:
  Result<http::Response> Route(const http::Request& request);
  Result<Principal> Who(const http::Request& request);
  MayRead MayGoOn(const http::Request& request, auth::Role role);  // the sender of a watch
  Result<http::Response> Metrics(const http::Request& request);

  Api& api_;
  auth::Authenticator& authenticator_;
  const Pages pages_;
};

}  // namespace weft::api
