#pragma once
// The hub's values as the weft_control_* families of docs/metrics.md.

#include "common/metrics/registry.h"
#include "controlplane/stream/hub.h"

namespace weft::stream {

// The hub must outlive the registry's scrapes.
void Expose(const Hub& hub, metrics::Registry& registry);

}  // namespace weft::stream
