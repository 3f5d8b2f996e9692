#pragma once
// One REST call after its row was found: path and query to the message of its rpc, the answer to JSON.

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/http/message.h"
#include "controlplane/api/api.h"
#include "controlplane/api/json.h"

namespace weft::api {

struct RestCall {
  const Principal& principal;
  const Row& row;
  const http::Request& request;
  std::map<std::string, std::string> names;  // what the braces of the path took

  const std::string& Name(const char* name) const { return names.at(name); }
};

http::Response JsonResponse(const Json& json);
Result<http::Response> Dispatch(Api& api, const RestCall& call);

}  // namespace weft::api
