#pragma once
// Texts to trees and back: one YAML or JSON document at a time. Thread rule: pure functions.

#include <string>
#include <string_view>
#include <vector>

#include "common/resource/node.h"
#include "common/resource/problems.h"

namespace weft::resource {

inline constexpr std::size_t kMaxText = 16U << 20U;     // of all documents together
inline constexpr std::size_t kMaxDocument = 1U << 20U;  // of one
inline constexpr std::size_t kMaxDepth = 32;            // of lists and maps inside one another
inline constexpr std::size_t kMaxKeys = 1024;           // of one map

// YAML 1.2 without aliases, anchors, tags, directives and duplicate keys; `first_line` is that of text[0].
// False: a problem was reported and `out` is not to be used.
bool ParseYaml(std::string_view text, std::uint32_t first_line, Node& out, Problems& problems);

// RFC 8259 without duplicate keys.
bool ParseJson(std::string_view text, std::uint32_t first_line, Node& out, Problems& problems);

// Splits at lines that begin with "---", as YAML does whatever stands around them, and parses each part; a
// part of JSON ("{" first) is read as JSON. Empty parts are skipped; a part with problems is left out.
std::vector<Node> ParseTexts(std::string_view text, Problems& problems);

// Keys in the order of the tree; scalars by their type.
std::string WriteJson(const Node& node);        // in one line
std::string WritePrettyJson(const Node& node);  // indented by two, ends with a newline
std::string WriteYaml(const Node& node);        // block style, ends with a newline

}  // namespace weft::resource
