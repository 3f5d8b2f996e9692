#include "controlplane/api/openapi.h"

#include <map>
#include <nlohmann/json.hpp>

#include "controlplane/api/json.h"
#include "controlplane/api/openapi_schemas.h"

namespace weft::api {
namespace {

Json Reference(std::string_view schema) { return {{"$ref", "#/components/schemas/" + std::string(schema)}}; }

Json TypeSchema(std::string_view type) {
  if (type.ends_with("[]"))
    return {{"type", "array"}, {"items", TypeSchema(type.substr(0, type.size() - 2))}};
  if (type == "map") return {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
  if (type == "ports") return {{"type", "object"}, {"additionalProperties", {{"type", "integer"}}}};
  if (type.front() >= 'A' && type.front() <= 'Z') return Reference(type);
  return {{"type", type}};
}

Json Schemas() {
  Json schemas = Json::object();
  for (const SchemaField& field : kSchemaFields) {
    Json& schema = schemas[std::string(field.schema)];
    schema["type"] = "object";
    schema["additionalProperties"] = false;
    const bool optional = field.type.ends_with('?');
    Json one = TypeSchema(field.type.substr(0, field.type.size() - (optional ? 1 : 0)));
    if (!field.about.empty()) one["description"] = field.about;
    schema["properties"][std::string(field.name)] = std::move(one);
    if (!optional) schema["required"].push_back(field.name);
  }
  return schemas;
}

Json Parameter(std::string_view in, std::string_view name, std::string_view type, std::string_view about) {
  Json out{{"name", name}, {"in", in}, {"required", in == "path"}, {"schema", {{"type", type}}}};
  if (!about.empty()) out["description"] = about;
  return out;
}

// The names in braces, those after `queries`, and the conditions.
Json Parameters(const Row& row) {
  Json out = Json::array();
  for (auto open = row.path.find('{'); open != std::string_view::npos; open = row.path.find('{', open + 1)) {
    const std::string_view name = row.path.substr(open + 1, row.path.find('}', open) - open - 1);
    out.push_back(Parameter("path", name, name == "revision" ? "integer" : "string", ""));
  }
  const std::string queries = " " + std::string(row.queries) + " ";
  for (const Query& query : kQueries) {
    if (queries.find(" " + std::string(query.name) + " ") != std::string::npos)
      out.push_back(Parameter("query", query.name, query.type, query.about));
  }
  const bool one =
      row.path.starts_with("services/{namespace}/{name}") || row.path.starts_with("resources/{kind}/");
  if (one && row.verb != "POST" && !row.path.ends_with("heartbeat")) {
    if (row.verb != "GET")
      out.push_back(Parameter("header", "If-Match", "string", "an etag, or *; else 412"));
    if (row.verb != "DELETE") out.push_back(Parameter("header", "If-None-Match", "string", "PUT: only *"));
  }
  return out;
}

Json Content(std::string_view schema) { return {{"application/json", {{"schema", TypeSchema(schema)}}}}; }

Json RequestBody(const Row& row, std::string_view schema) {
  Json content = Content(schema);
  if (row.body == Body::kDocuments) content["application/yaml"] = {{"schema", {{"type", "string"}}}};
  return {{"required", true}, {"content", std::move(content)}};
}

Json OperationJson(const Row& row, const Operation& operation) {
  std::string id(row.verb);
  for (const char c : row.path) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (word || (!id.empty() && id.back() != '_')) id.push_back(word ? c : '_');
  }
  Json out{{"operationId", id},
           {"summary", operation.about},
           {"description", "Role: " + std::string(auth::ToString(row.role))},
           {"parameters", Parameters(row)}};
  if (row.body != Body::kNone) out["requestBody"] = RequestBody(row, operation.request);
  Json answers{{"200", {{"description", "done"}, {"content", Content(operation.answer)}}},
               {"default", {{"description", "an error"}, {"content", Content("Errors")}}}};
  out["responses"] = std::move(answers);
  return out;
}

Json Paths() {
  Json paths = Json::object();
  for (const Row& row : kTable) {
    std::string verb(row.verb);
    for (char& c : verb) c = static_cast<char>(c + 32);
    for (const Operation& operation : kOperations) {
      if (operation.rpc == row.rpc) paths["/" + std::string(row.path)][verb] = OperationJson(row, operation);
    }
  }
  return paths;
}

}  // namespace

std::string OpenApi(std::string_view program_version) {
  const Json document{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "Weft control plane"}, {"version", program_version}, {"description", "See docs/api.md"}}},
      {"servers", Json::array({{{"url", "/api/v1"}}})},
      {"security", Json::array({{{"token", Json::array()}}, Json::object()})},
      {"paths", Paths()},
      {"components",
       {{"schemas", Schemas()},
        {"securitySchemes",
         {{"token", {{"type", "http"}, {"scheme", "bearer"}, {"description", "with --token-file"}}}}}}}};
  return document.dump(2) + "\n";
}

}  // namespace weft::api
