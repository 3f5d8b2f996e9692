#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <streambuf>

#include "common/resource/text.h"

namespace weft::resource {
namespace {

// A text as a stream, without a copy.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // only read
    setg(begin, begin, begin + text.size());
  }
};

struct Refused {  // what makes the parser stop; the problem is already reported
};

// Events of one document to a tree. yaml-cpp's own nodes would keep duplicate keys, resolve aliases and guess
// types.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(Node& root, std::uint32_t first_line, Problems& problems)
      : root_(root), first_line_(first_line), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    CheckAnchor(mark, anchor);
    if (WantsKey()) Refuse(mark, "a key is missing before \":\"");
    Place(mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(mark, "aliases (*name) are not supported: write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    CheckTag(mark, tag);
    CheckAnchor(mark, anchor);
    if (WantsKey()) return AddKey(mark, value);
    Node& node = Place(mark);
    const bool plain = tag == "?";
    if (plain && (value == "null" || value == "~" || value == "Null" || value == "NULL")) return;
    node.kind = Node::Kind::kScalar;
    node.quoted = !plain;
    node.text = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { open_.pop_back(); }

  bool ok() const { return ok_; }

  [[noreturn]] void Refuse(const YAML::Mark& mark, std::string detail) {
    problems_.Add(Place(mark.line, mark.column), {}, std::move(detail));
    throw Refused();
  }

 private:
  struct Level {
    Node* node;
    bool key_read = false;  // of a map: the next event is the value of members.back()
  };

  Mark Place(int line, int column) const {
    return {first_line_ + static_cast<std::uint32_t>(std::max(line, 0)),
            static_cast<std::uint32_t>(std::max(column, 0)) + 1};
  }

  bool WantsKey() const { return !open_.empty() && open_.back().node->is_map() && !open_.back().key_read; }

  void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      Refuse(mark, "tags (!name) are not supported: remove " + tag);
  }
  void CheckAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) Refuse(mark, "anchors (&name) are not supported: write the value out where it is used");
  }

  void AddKey(const YAML::Mark& mark, const std::string& key) {
    Level& level = open_.back();
    if (level.node->members.size() >= kMaxKeys)
      Refuse(mark, "more than " + std::to_string(kMaxKeys) + " keys");
    if (const Node* first = level.node->Find(key)) {
      problems_.Add(Place(mark.line, mark.column), {},
                    "key \"" + key + "\" stands twice, first in line " + std::to_string(first->mark.line));
      ok_ = false;
    }
    level.node->members.push_back(Member{key, Place(mark.line, mark.column), {}});
    level.key_read = true;
  }

  // The node that the next value goes to.
  Node& Place(const YAML::Mark& mark) {
    Node* node = &root_;
    if (!open_.empty()) {
      Level& level = open_.back();
      node = level.node->is_list() ? &level.node->items.emplace_back() : &level.node->members.back().value;
      level.key_read = false;
    }
    node->mark = Place(mark.line, mark.column);
    return *node;
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
    CheckTag(mark, tag);
    CheckAnchor(mark, anchor);
    if (WantsKey()) Refuse(mark, "a key must be plain text, not a list or map");
    if (open_.size() >= kMaxDepth) {
      Refuse(mark, "more than " + std::to_string(kMaxDepth) + " levels of nesting");
    }
    Node& node = Place(mark);
    node.kind = kind;
    open_.push_back(Level{&node});
  }

  Node& root_;
  std::uint32_t first_line_;
  Problems& problems_;
  std::vector<Level> open_;  // pointers stay good: a parent's list only grows when its last child is closed
  bool ok_ = true;
};

bool IsDirective(std::string_view text) { return !text.empty() && text.front() == '%'; }

}  // namespace

bool ParseYaml(std::string_view text, std::uint32_t first_line, Node& out, Problems& problems) {
  TreeBuilder builder(out, first_line, problems);
  try {
    if (IsDirective(text)) builder.Refuse(YAML::Mark(), "directives (%…) are not supported: remove the line");
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    if (!builder.ok()) return false;
    Node rest;
    TreeBuilder second(rest, first_line, problems);
    if (parser.HandleNextDocument(second)) {
      second.Refuse(YAML::Mark(),
                    "something follows the end of the document: begin the next one with a line \"---\"");
    }
    return true;
  } catch (const Refused&) {
  } catch (const YAML::Exception& error) {
    problems.Add({first_line + static_cast<std::uint32_t>(std::max(error.mark.line, 0)),
                  static_cast<std::uint32_t>(std::max(error.mark.column, 0)) + 1},
                 {}, "not valid YAML: " + error.msg);
  }
  return false;
}

}  // namespace weft::resource
