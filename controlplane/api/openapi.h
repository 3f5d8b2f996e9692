#pragma once
// The OpenAPI 3.1 document of /api/v1, made from the table of rows: a path, a parameter or a role is said
// once, there. What bodies look like is said in openapi_schemas.h, which a test holds against real answers.
// Pure.

#include <string>
#include <string_view>

namespace weft::api {

std::string OpenApi(std::string_view program_version);  // JSON, two blanks indented

}  // namespace weft::api
