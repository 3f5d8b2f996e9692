#include "agent/settings/tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <optional>
#include <sstream>

namespace weft::settings {
namespace {

constexpr std::size_t kDeepest = 16;
constexpr std::size_t kLargest = 1 << 20;

// Builds the tree from yaml-cpp's events, which unlike its nodes show aliases and duplicate keys.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(std::string file) : file_(std::move(file)) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Add(mark, Tree::Kind::kNull, {}); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "aliases are not allowed here");
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string& value) override {
    Add(mark, Tree::Kind::kScalar, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(mark, Tree::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(mark, Tree::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

  Tree root;
  std::optional<Error> error;

 private:
  struct Level {
    Tree tree;
    std::optional<std::string> key;  // read, its value still to come
  };

  std::string At(const YAML::Mark& mark) const {
    return file_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
  }
  void Fail(const YAML::Mark& mark, std::string detail) {
    if (!error) error = Invalid(std::move(detail), {}, At(mark));
  }
  void Add(const YAML::Mark& mark, Tree::Kind kind, const std::string& text) {
    Tree leaf;
    leaf.kind = kind;
    leaf.where = At(mark);
    leaf.text = text;
    const bool is_key =
        !levels_.empty() && levels_.back().tree.kind == Tree::Kind::kMap && !levels_.back().key;
    if (!is_key) return Place(std::move(leaf));
    if (levels_.back().tree.Find(text) != nullptr) Fail(mark, "the key '" + text + "' stands here twice");
    levels_.back().key = text;
  }
  void Open(const YAML::Mark& mark, Tree::Kind kind) {
    if (levels_.size() >= kDeepest) Fail(mark, "is nested too deeply");
    const bool is_key =
        !levels_.empty() && levels_.back().tree.kind == Tree::Kind::kMap && !levels_.back().key;
    if (is_key) {
      Fail(mark, "a key must be plain text");
      levels_.back().key = "";
    }
    Level level;
    level.tree.kind = kind;
    level.tree.where = At(mark);
    levels_.push_back(std::move(level));
  }
  void Close() {
    Tree done = std::move(levels_.back().tree);
    levels_.pop_back();
    Place(std::move(done));
  }
  void Place(Tree done) {
    if (levels_.empty()) {
      root = std::move(done);
    } else if (levels_.back().tree.kind == Tree::Kind::kList) {
      levels_.back().tree.items.push_back(std::move(done));
    } else {
      levels_.back().tree.members.push_back({std::move(*levels_.back().key), std::move(done)});
      levels_.back().key.reset();
    }
  }

  std::string file_;
  std::vector<Level> levels_;
};

}  // namespace

Tree* Tree::Find(std::string_view key) {
  for (auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<Tree> ParseTree(std::string_view text, const std::string& file) {
  if (text.size() > kLargest) return Invalid("is larger than 1 MiB", {}, file);
  Builder builder(file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    if (!builder.error && parser.HandleNextDocument(builder)) {
      return Invalid(
          "holds a second document; put resources into files of their own and list them under resources", {},
          file);
    }
  } catch (const YAML::Exception& problem) {
    const std::string at =
        file + ":" + std::to_string(problem.mark.line + 1) + ":" + std::to_string(problem.mark.column + 1);
    return Invalid("is no YAML: " + problem.msg, {}, at);
  }
  if (builder.error) return *builder.error;
  return std::move(builder.root);
}

Status PutScalar(Tree& root, std::string_view path, std::string value, const std::string& origin) {
  Tree* at = &root;
  while (true) {
    if (at->kind == Tree::Kind::kNull) at->kind = Tree::Kind::kMap;
    if (at->kind != Tree::Kind::kMap)
      return Invalid("cannot be set: the file has something else there", std::string(path), origin);
    const std::size_t dot = path.find('.');
    const std::string_view key = path.substr(0, dot);
    Tree* child = at->Find(key);
    if (child == nullptr) child = &at->members.emplace_back(Member{std::string(key), Tree{}}).value;
    at = child;
    if (at->where.empty()) at->where = origin;
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  *at = Tree{Tree::Kind::kScalar, origin, std::move(value), {}, {}};
  return {};
}

}  // namespace weft::settings
