#include "controlplane/ctl/yaml.h"

#include <algorithm>
#include <string_view>

namespace weft::ctl {
namespace {

bool IsPlainYaml(std::string_view text) {
  static constexpr std::string_view kWords[] = {
      "true", "false", "yes",  "no", "on", "off",   "null", "~",     "y",   "n",  "True", "Yes", "No",
      "On",   "Off",   "Null", "Y",  "N",  "False", "TRUE", "FALSE", "YES", "NO", "ON",   "OFF", "NULL"};
  if (text.empty() || std::find(std::begin(kWords), std::end(kWords), text) != std::end(kWords)) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto inner = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || std::string_view("-_./").find(c) != std::string_view::npos;
  };
  return (letter(text.front()) || text.front() == '/') && std::all_of(text.begin(), text.end(), inner);
}

std::string Scalar(const Json& value) {
  if (value.is_string() && IsPlainYaml(value.get_ref<const std::string&>())) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool IsBlock(const Json& value) { return value.is_structured() && !value.empty(); }

void Append(std::string& out, const Json& value, std::size_t indent, bool first_inline) {
  const std::string pad(indent, ' ');
  bool skip_pad = first_inline;
  const auto start_line = [&] {
    if (!skip_pad) out += pad;
    skip_pad = false;
  };
  if (value.is_array()) {
    for (const Json& item : value) {
      start_line();
      out += "- ";
      if (IsBlock(item)) {
        Append(out, item, indent + 2, true);
      } else {
        out += Scalar(item) + "\n";
      }
    }
    return;
  }
  for (const auto& [key, item] : value.items()) {
    start_line();
    out += Scalar(Json(key)) + ":";
    if (IsBlock(item)) {
      out += "\n";
      Append(out, item, item.is_array() ? indent : indent + 2, false);
    } else {
      out += " " + Scalar(item) + "\n";
    }
  }
}

}  // namespace

std::string ToYaml(const Json& value) {
  if (!IsBlock(value)) return Scalar(value) + "\n";
  std::string out;
  Append(out, value, 0, false);
  return out;
}

}  // namespace weft::ctl
