#include <array>

#include "common/resource/text.h"

namespace weft::resource {
namespace {

void AppendQuoted(std::string_view text, std::string& out) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out.push_back(kHex[byte >> 4U]);
      out.push_back(kHex[byte & 0xFU]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void AppendJsonScalar(const Node& node, std::string& out) {
  if (node.is_null()) {
    out += "null";
  } else if (node.type == Node::Type::kText) {
    AppendQuoted(node.text, out);
  } else {
    out += node.text;
  }
}

// `indent` below zero: everything in one line.
class JsonWriter {
 public:
  JsonWriter(std::string& out, bool pretty) : out_(out), pretty_(pretty) {}

  void Write(const Node& node, std::size_t depth) {
    if (node.is_list()) {
      Sequence('[', ']', node.items, depth, [&](const Node& item) { Write(item, depth + 1); });
    } else if (node.is_map()) {
      Sequence('{', '}', node.members, depth, [&](const Member& member) {
        AppendQuoted(member.key, out_);
        out_ += pretty_ ? ": " : ":";
        Write(member.value, depth + 1);
      });
    } else {
      AppendJsonScalar(node, out_);
    }
  }

 private:
  void NewLine(std::size_t depth) {
    if (pretty_) out_.append("\n").append(depth * 2, ' ');
  }

  template <class Items, class Each>
  void Sequence(char open, char close, const Items& items, std::size_t depth, Each each) {
    out_.push_back(open);
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_.push_back(',');
      first = false;
      NewLine(depth + 1);
      each(item);
    }
    if (!first) NewLine(depth);
    out_.push_back(close);
  }

  std::string& out_;
  bool pretty_;
};

bool IsDuration(std::string_view text) {  // no parser takes "500ms" for a number
  return std::string_view("smh").find(text.back()) != std::string_view::npos && text[0] >= '0' &&
         text[0] <= '9' && text.find_first_not_of("0123456789smh") == std::string_view::npos;
}

// Whether a plain YAML scalar of this text is read as this text by every YAML parser, guesses of YAML 1.1
// included.
bool IsPlain(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kGuessed = {"true", "false", "yes", "no", "on",
                                                               "off",  "null",  "y",   "n"};
  if (text.empty() || text.size() > 200) return false;
  if (IsDuration(text)) return true;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(text[0]) && text[0] != '/') return false;
  std::string lower;
  for (const char c : text) {
    if (!is_letter(c) && (c < '0' || c > '9') && std::string_view("-_./").find(c) == std::string_view::npos)
      return false;
    lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
  }
  return std::find(kGuessed.begin(), kGuessed.end(), lower) == kGuessed.end();
}

void AppendYamlText(std::string_view text, std::string& out) {
  if (IsPlain(text)) {
    out += text;
  } else {
    AppendQuoted(text, out);
  }
}

class YamlWriter {
 public:
  explicit YamlWriter(std::string& out) : out_(out) {}

  // At the place where the value begins: after "key:" or "-"; `depth` is the column of a child's line.
  void Value(const Node& node, std::size_t depth, bool after_dash) {
    if (node.is_list()) {
      if (node.items.empty()) return Line(" []");
      List(node, after_dash ? depth : depth - 2, after_dash);
    } else if (node.is_map()) {
      if (node.members.empty()) return Line(" {}");
      Map(node, depth, after_dash);
    } else {
      out_.push_back(' ');
      if (node.is_null() || node.type != Node::Type::kText) {
        AppendJsonScalar(node, out_);
      } else {
        AppendYamlText(node.text, out_);
      }
      out_.push_back('\n');
    }
  }

  // Lists stand under their key without indentation, as kubectl prints them.
  void List(const Node& node, std::size_t column, bool inline_first) {
    if (!inline_first) out_.push_back('\n');
    bool here = inline_first;
    for (const Node& item : node.items) {
      Indent(column, here);
      out_.push_back('-');
      Value(item, column + 2, true);
    }
  }

  void Map(const Node& node, std::size_t column, bool inline_first) {
    if (!inline_first) out_.push_back('\n');
    bool here = inline_first;
    for (const Member& member : node.members) {
      Indent(column, here);
      AppendYamlText(member.key, out_);
      out_.push_back(':');
      Value(member.value, column + 2, false);
    }
  }

 private:
  void Line(std::string_view text) { out_.append(text).push_back('\n'); }
  void Indent(std::size_t column, bool& here) {  // `here`: the first entry goes behind a dash
    if (here) {
      out_.push_back(' ');
    } else {
      out_.append(column, ' ');
    }
    here = false;
  }

  std::string& out_;
};

}  // namespace

std::string WriteJson(const Node& node) {
  std::string out;
  JsonWriter(out, false).Write(node, 0);
  return out;
}

std::string WritePrettyJson(const Node& node) {
  std::string out;
  JsonWriter(out, true).Write(node, 0);
  out.push_back('\n');
  return out;
}

std::string WriteYaml(const Node& node) {
  std::string out;
  YamlWriter writer(out);
  if (node.is_map() && !node.members.empty()) {
    writer.Map(node, 0, false);
  } else {
    writer.Value(node, 2, false);
  }
  return out.substr(1);  // what stands before the first value
}

}  // namespace weft::resource
