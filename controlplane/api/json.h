#pragma once
// The JSON of REST: what messages look like outside gRPC. Labels and ports by name are objects, spans are
// text
// ("30s"),
// times are RFC 3339, documents are themselves. Pure.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "weft/v1/config.pb.h"
#include "weft/v1/identity.pb.h"
#include "weft/v1/registry.pb.h"

namespace weft::api {

using Json = nlohmann::ordered_json;

Json ToJson(const v1::Service& service);
Json ToJson(const v1::RegisteredInstance& instance);
Json ToJson(const v1::Resource& resource);  // the document, with metadata.resourceVersion
// A page of documents as text: they are JSON already, so none is read.
std::string ToText(const v1::ListResourcesResponse& page);
Json ToJson(const v1::WatchEvent& event);
Json ToJson(const v1::ApplyResponse& response);
Json ToJson(const v1::Revision& revision);
Json ToJson(const v1::ResourceDiff& diff);
Json ToJson(const v1::RollBackResponse& response);
Json ToJson(const v1::Rollout& rollout);
Json ToJson(const v1::Agent& agent);
Json ToJson(const v1::AgentConfig& config);
Json ToJson(const v1::ExplainResult& result);
Json ToJson(const v1::Event& event);
Json ToJson(const v1::Version& version);

// Foreign JSON: at most 32 levels deep, no key twice.
Status ParseJson(std::string_view text, Json& json);
// Bodies of PUT. Unknown keys are errors; each error names its field. Names given in the path are set by the
// caller.
Result<v1::Service> ReadService(std::string_view body);
Result<v1::RegisteredInstance> ReadInstance(std::string_view body);
Result<v1::CreateJoinTokenRequest> ReadJoinToken(std::string_view body);
Result<v1::RevokeRequest> ReadRevocation(std::string_view body);

}  // namespace weft::api
