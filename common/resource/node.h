#pragma once
// A parsed document before its schema is known: text, lists and maps with the place of each. What a scalar is
// (number, boolean, text) is decided by whoever reads it (reader.h), never by the look of it, and the
// decision is noted here so that the tree can be written back as JSON. Thread rule: plain values.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::resource {

struct Mark {
  std::uint32_t line = 0;    // from 1; zero: unknown
  std::uint32_t column = 0;  // from 1, in bytes
};

struct Member;

struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  enum class Type : std::uint8_t { kText, kNumber, kBool };  // of a scalar, as its schema read it

  Kind kind = Kind::kNull;
  Type type = Type::kText;
  bool quoted = false;  // the scalar was quoted, or is a JSON string
  Mark mark;
  std::string text;             // of a scalar
  std::vector<Node> items;      // of a list
  std::vector<Member> members;  // of a map; keys are unique

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }
  Node* Find(std::string_view key);  // null: this is no map, or has no such key
  const Node* Find(std::string_view key) const;
};

struct Member {
  std::string key;
  Mark mark;  // of the key
  Node value;
};

}  // namespace weft::resource
