#pragma once
// Objects of foreign servers: what is not there, or is something else, is empty. Thread rule: pure.

#include <nlohmann/json.hpp>
#include <string>

namespace weft::api {

using Json = nlohmann::ordered_json;

inline const Json& At(const Json& json, const char* key) {
  static const Json nothing;
  if (!json.is_object()) return nothing;
  const auto found = json.find(key);
  return found == json.end() ? nothing : *found;
}

inline std::string Text(const Json& json, const char* key) {
  const Json& value = At(json, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace weft::api
