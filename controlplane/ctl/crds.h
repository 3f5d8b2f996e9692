#pragma once
// CustomResourceDefinitions of Weft's own kinds, from the lists that readers of documents go by. What only a
// reader can judge is refused by the admission webhook. Thread rule: pure.

#include <nlohmann/json.hpp>
#include <vector>

namespace weft::ctl {

std::vector<nlohmann::ordered_json> MakeCrds();

}  // namespace weft::ctl
