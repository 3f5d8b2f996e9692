#pragma once
// Manifests of any kind as JSON, with scalars typed as Kubernetes' own YAML reader types them (yes is true,
// 0644 is octal), because their schema is not known here. Thread rule: pure.

#include <string>
#include <vector>

#include "common/result/result.h"
#include "controlplane/ctl/yaml.h"

namespace weft::ctl {

// All documents of a text, in their order. An error names file, line and what is wrong.
Result<std::vector<Json>> ReadManifests(const std::string& text, const std::string& file);

}  // namespace weft::ctl
