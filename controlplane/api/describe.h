#pragma once
// How Control's values look in messages, and which document is which. For Control's own files and intake.

#include "controlplane/api/control.h"

namespace weft::api {

store::Key KeyOfDocument(const resource::Document& document);
store::Key MeshServiceKey(const std::string& ns, const std::string& name);

Result<resource::DocumentPtr> ParseStored(const store::Resource& stored);  // the error names the resource

bool IsRunning(const store::Rollout& kept);

Error FromFinding(const compile::Finding& finding);
Error Combined(const std::vector<Error>& errors);  // the first problem, and how many more there are
Error NoService(const std::string& ns, const std::string& name);

// The document that PutService means; static instances of the one before (null: none) stay.
std::string ServiceDocument(const v1::Service& service, const resource::Document* before);

// Checked by the code that reads endpoints in an agent.
Result<snapshot::Instance> CheckInstance(const ServiceKey& service, const v1::Instance& proto);

v1::Finding ToProto(const compile::Finding& finding);
v1::Revision ToProto(const store::Revision& revision);
v1::Resource ToProto(const store::Resource& resource);  // with its document
v1::Resource ResourceProto(const store::Key& key, const std::string& json, const std::string& owner,
                           std::uint64_t revision);

}  // namespace weft::api
