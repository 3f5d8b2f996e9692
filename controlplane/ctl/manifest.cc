#include "controlplane/ctl/manifest.h"

#include <algorithm>
#include <charconv>

#include "common/resource/text.h"

namespace weft::ctl {
namespace {

bool IsOneOf(const std::string& text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return text == word; });
}

// A whole text as an integer of that base.
bool ReadInteger(std::string_view text, int base, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size();
}

Json PlainScalar(const std::string& text) {
  if (IsOneOf(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) return true;
  if (IsOneOf(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) return false;
  std::int64_t number = 0;
  std::string_view digits = text;
  if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
  if (digits.starts_with("0x") && ReadInteger(digits.substr(2), 16, number)) return number;
  if (digits.starts_with("0o") && ReadInteger(digits.substr(2), 8, number)) return number;
  if (digits.size() > 1 && digits.front() == '0' && ReadInteger(digits, 8, number)) return number;
  if (!digits.empty() && ReadInteger(digits, 10, number)) return number;
  const bool may = !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  double real = 0;
  if (may) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), real);
    if (error == std::errc() && end == text.data() + text.size()) return real;
  }
  return text;
}

Json ToJson(const resource::Node& node) {
  switch (node.kind) {
    case resource::Node::Kind::kNull: return nullptr;
    case resource::Node::Kind::kScalar: return node.quoted ? Json(node.text) : PlainScalar(node.text);
    case resource::Node::Kind::kList: {
      Json out = Json::array();
      for (const resource::Node& item : node.items) out.push_back(ToJson(item));
      return out;
    }
    case resource::Node::Kind::kMap: break;
  }
  Json out = Json::object();
  for (const resource::Member& member : node.members) out[member.key] = ToJson(member.value);
  return out;
}

}  // namespace

Result<std::vector<Json>> ReadManifests(const std::string& text, const std::string& file) {
  resource::Problems problems(file);
  const std::vector<resource::Node> nodes = resource::ParseTexts(text, problems);
  if (!problems.errors().empty()) return problems.errors().front();
  std::vector<Json> out;
  for (const resource::Node& node : nodes) out.push_back(ToJson(node));
  return out;
}

}  // namespace weft::ctl
