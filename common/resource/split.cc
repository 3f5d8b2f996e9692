#include "common/resource/text.h"
#include "common/resource/utf8.h"

namespace weft::resource {
namespace {

struct Part {
  std::string_view text;
  std::uint32_t first_line = 1;
};

std::string_view LineAt(std::string_view text, std::size_t at) {
  const std::size_t end = text.find('\n', at);
  return text.substr(at, end == std::string_view::npos ? end : end + 1 - at);
}

bool IsSeparator(std::string_view line) {
  return line.starts_with("---") &&
         (line.size() == 3 || std::string_view(" \t\r\n").find(line[3]) != line.npos);
}

bool IsBlankOrComment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos || line[first] == '#' || line.starts_with("...");
}

bool IsEmpty(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); at += LineAt(text, at).size()) {
    if (!IsBlankOrComment(LineAt(text, at))) return false;
  }
  return true;
}

// What follows "---" in its own line belongs to the document, so only the three dashes are cut off.
std::vector<Part> Split(std::string_view text) {
  std::vector<Part> parts{{text, 1}};
  std::size_t begin = 0;
  std::uint32_t line = 1;
  for (std::size_t at = 0; at < text.size(); at += LineAt(text, at).size(), ++line) {
    if (!IsSeparator(LineAt(text, at))) continue;
    parts.back().text = text.substr(begin, at - begin);
    begin = at + 3;
    parts.push_back({text.substr(begin), line});
  }
  std::erase_if(parts, [](const Part& part) { return IsEmpty(part.text); });
  return parts;
}

bool ParsePart(const Part& part, Node& out, Problems& problems) {
  if (part.text.size() > kMaxDocument) {
    problems.Add({part.first_line, 1}, {}, "a document may have at most 1 MiB", ErrorKind::kTooLarge);
    return false;
  }
  const std::size_t first = part.text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (part.text[first] != '{' && part.text[first] != '[')) {
    return ParseYaml(part.text, part.first_line, out, problems);
  }
  Problems ignored{std::string()};  // "{a: b}" is no JSON but good YAML, which says then what is wrong
  if (ParseJson(part.text, part.first_line, out, ignored)) return true;
  out = {};
  return ParseYaml(part.text, part.first_line, out, problems);
}

}  // namespace

std::vector<Node> ParseTexts(std::string_view text, Problems& problems) {
  std::vector<Node> nodes;
  if (text.size() > kMaxText) {
    problems.Add({}, {}, "a text may have at most 16 MiB: split it into several files", ErrorKind::kTooLarge);
    return nodes;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte order mark
  const std::size_t bad = std::min(FindInvalidUtf8(text), text.find('\0'));
  if (bad != std::string_view::npos) {
    const std::string_view before = text.substr(0, bad);
    const auto line = static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n')) + 1;
    problems.Add({line, static_cast<std::uint32_t>(bad - (before.rfind('\n') + 1)) + 1}, {},
                 "not UTF-8: save the file in that encoding");
    return nodes;
  }
  for (const Part& part : Split(text)) {
    Node node;
    if (ParsePart(part, node, problems)) nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace weft::resource
