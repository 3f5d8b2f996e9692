#include "controlplane/intake/document.h"

#include "controlplane/api/describe.h"

namespace weft::intake {

Result<resource::DocumentPtr> MakeDocument(const v1::Service& service, const resource::DocumentPtr& before) {
  const resource::Parsed parsed = resource::ParseDocuments(api::ServiceDocument(service, nullptr), "");
  if (!parsed.ok()) {
    Error error = parsed.errors.front();
    error.where = service.namespace_() + "/" + service.name();
    return error;
  }
  if (before != nullptr && before->json == parsed.documents.front()->json) return before;
  return parsed.documents.front();
}

}  // namespace weft::intake
