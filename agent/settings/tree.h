#pragma once
// A YAML text as a tree with places, before anything is typed: no aliases, no duplicate keys, at most 16
// levels. Thread rule: pure.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result/result.h"

namespace weft::settings {

struct Member;

struct Tree {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string where;            // "agent.yaml:12:5", or the origin of an override
  std::string text;             // of a scalar
  std::vector<Tree> items;      // of a list
  std::vector<Member> members;  // of a map

  Tree* Find(std::string_view key);
};

struct Member {
  std::string key;
  Tree value;
};

Result<Tree> ParseTree(std::string_view text, const std::string& file);

// Puts a scalar at "a.b.c", making the maps on the way.
Status PutScalar(Tree& root, std::string_view path, std::string value, const std::string& origin);

}  // namespace weft::settings
