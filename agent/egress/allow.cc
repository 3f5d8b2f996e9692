#include "agent/egress/allow.h"

#include <algorithm>

#include "common/net/address.h"

namespace weft::egress {
namespace {

constexpr std::size_t kLongestName = 253;

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && name.front() != '.' && name.front() != '-' &&
         name.find("..") == std::string_view::npos && std::all_of(name.begin(), name.end(), IsHostCharacter);
}

std::string Lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return lower;
}

struct Parts {
  std::string host;
  std::uint16_t port = 0;  // zero: none written
};

// "host", "host:port", "[::1]", "[::1]:port"
std::optional<Parts> SplitPort(std::string_view text) {
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  Parts out;
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const Result<std::uint16_t> port = net::ParsePort(text.substr(colon + 1));
    if (!port || *port == 0) return std::nullopt;
    out.port = *port;
    text = text.substr(0, colon);
  }
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  out.host = Lowered(text);
  if (const Result<net::Ip> ip = net::Ip::Parse(out.host); ip) out.host = ip->ToString();
  if (out.host.ends_with('.')) out.host.pop_back();
  return out;
}

bool IsHost(const std::string& host) { return IsName(host) || net::Ip::Parse(host).has_value(); }

}  // namespace

std::optional<Host> ParseHost(std::string_view authority) {
  const std::optional<Parts> parts = SplitPort(authority);
  if (!parts || !IsHost(parts->host)) return std::nullopt;
  return Host{parts->host, parts->port == 0 ? std::uint16_t{80} : parts->port};
}

std::optional<AllowList::Pattern> AllowList::ParseEntry(const std::string& entry) {
  if (entry == "*") return Pattern{{}, Pattern::Kind::kAny, 0};
  const bool suffix = entry.starts_with("*.");
  const std::optional<Parts> parts = SplitPort(std::string_view(entry).substr(suffix ? 2 : 0));
  if (!parts || !(suffix ? IsName(parts->host) : IsHost(parts->host))) return std::nullopt;
  if (suffix) return Pattern{"." + parts->host, Pattern::Kind::kSuffix, parts->port};
  return Pattern{parts->host, Pattern::Kind::kExact, parts->port};
}

Result<AllowList> AllowList::Parse(const std::vector<std::string>& entries) {
  AllowList out;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::optional<Pattern> pattern = ParseEntry(entries[i]);
    if (!pattern) {
      return Error{ErrorKind::kInvalid,
                   "'" + entries[i] + "' is none of HOST, HOST:PORT, *.SUFFIX, *.SUFFIX:PORT and *",
                   "outbound.egress.allow[" + std::to_string(i) + "]",
                   {}};
    }
    out.patterns_.push_back(*pattern);
  }
  return out;
}

bool AllowList::Lists(std::string_view authority) const {
  if (patterns_.empty()) return false;
  const std::optional<Host> host = ParseHost(authority);
  if (!host) return false;
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& p) {
    if (p.port != 0 && p.port != host->port) return false;
    switch (p.kind) {
      case Pattern::Kind::kAny: return true;
      case Pattern::Kind::kSuffix: return host->name.size() > p.name.size() && host->name.ends_with(p.name);
      case Pattern::Kind::kExact: return host->name == p.name;
    }
    return false;
  });
}

}  // namespace weft::egress
