#pragma once
// The document of a service that a source found. Pure.

#include "common/resource/document.h"
#include "weft/v1/registry.pb.h"

namespace weft::intake {

// Ports, labels, names of `service`; the error names the field. The same as `before` when nothing changed.
Result<resource::DocumentPtr> MakeDocument(const v1::Service& service,
                                           const resource::DocumentPtr& before = nullptr);

}  // namespace weft::intake
