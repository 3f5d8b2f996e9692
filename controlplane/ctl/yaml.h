#pragma once
// JSON documents as block YAML for `-o yaml`. Strings are quoted when a YAML reader could take them for
// something else (numbers, booleans, null, indicators), so that what is printed applies again unchanged.

#include <string>

#include <nlohmann/json.hpp>

namespace weft::ctl {

using Json = nlohmann::ordered_json;

std::string ToYaml(const Json& value);

}  // namespace weft::ctl
