#include "common/net/address.h"
#include "common/net/key.h"
#include "common/resource/schema.h"

namespace weft::resource {

bool IsDnsName(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t dot = std::min(text.find('.', at), text.size());
    if (!IsDnsLabel(text.substr(at, dot - at))) return false;
    at = dot + 1;
  }
  return true;
}

bool ReadHostname(const Value& value, bool wildcard, std::string& out) {
  std::string text;
  if (!Read(value, text)) return false;
  std::string_view name = text;
  if (wildcard && name.starts_with("*.")) name.remove_prefix(2);
  if (!IsDnsName(name) || net::Ip::Parse(name).has_value()) {
    return value.Fail("\"" + text + "\" is no host name: write lower-case DNS labels" +
                      (wildcard ? ", with \"*.\" before them for all names below" : "") +
                      "; no port, no IP address");
  }
  out = std::move(text);
  return true;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return lower;
}

bool CheckToken(const Value& item, std::string_view name) {
  const auto is_token = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  if (!name.empty() && name.size() <= 256 && std::all_of(name.begin(), name.end(), is_token)) return true;
  return item.FailAt("name", "must be a name of 1 to 256 letters, digits and !#$%&'*+-.^_`|~");
}

}  // namespace weft::resource
