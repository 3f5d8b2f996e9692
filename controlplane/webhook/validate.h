#pragma once
// Admission reviews about resources of the mesh: routes of the Gateway API that name a service as a parent,
// and Weft's own kinds. What an agent would refuse is refused with field and reason, before it is stored.
// Thread rule: pure, besides what `check` does.

#include <functional>

#include "common/resource/document.h"
#include "controlplane/webhook/review.h"

namespace weft::webhook {

// Whether the mesh as it is would take the document.
using Check = std::function<Status(const resource::DocumentPtr& document)>;

// An error: the body is no review of an object. Deletions and objects that are not the mesh's are allowed.
Result<Reviewed> Validate(std::string_view body, const Check& check);

}  // namespace weft::webhook
