// A match is never tried when one of the same conditions stands before it: Gateway API orders matches by how
// specific they are, and of equal ones the older route, then the earlier rule wins. A condition that covers
// another without being equal is less specific, so equality is the whole test.

#include <algorithm>
#include <set>

#include "common/analyze/checks.h"

namespace weft::analyze {
namespace {

using policy::NamedMatch;
using policy::RouteMatch;

std::string Signature(const std::vector<NamedMatch>& conditions) {
  std::set<std::string> sorted;
  for (const NamedMatch& each : conditions)
    sorted.insert(std::to_string(static_cast<int>(each.type)) + each.name + '\n' + each.value);
  std::string text;
  for (const std::string& each : sorted) text += '\n' + each;
  return text;
}

// Equal for matches that take the same requests: no line break can stand in a value.
std::string Signature(const RouteMatch& match) {
  std::string_view path = match.path.value;
  if (match.path.type == policy::MatchType::kPrefix && path.ends_with('/')) path.remove_suffix(1);
  return std::to_string(static_cast<int>(match.path.type)) + std::string(path) + '\n' + match.method +
         "\n\nheaders" + Signature(match.headers) + "\n\nquery" + Signature(match.query);
}

// Where a match stands.
struct Place {
  const policy::Route* route;
  std::size_t rule;
  // Of a route that is bound to a service twice.
  bool IsSameRule(const Place& other) const {
    return route != other.route && route->name == other.route->name && rule == other.rule;
  }
  std::string Text() const {
    return "HTTPRoute " + route->name + " spec.rules[" + std::to_string(rule) + "]";
  }
};

// The matches of one service that compete, in the order in which they win.
class Contest {
 public:
  Contest(const Subject& subject, Findings& findings) : subject_(subject), findings_(findings) {}

  void Add(const policy::Route& route) {
    if (route.kind != policy::RouteKind::kHttp) return;  // it has no matches
    for (std::size_t i = 0; i < route.rules.size(); ++i) Add({&route, i}, route.rules[i]);
  }

 private:
  void Add(const Place& place, const policy::RouteRule& rule) {
    std::vector<std::pair<std::size_t, Place>> shadowed;
    for (std::size_t m = 0; m < rule.matches.size(); ++m) {
      if (const Place* before = Enter(place, rule.matches[m])) shadowed.emplace_back(m, *before);
    }
    if (shadowed.empty()) return;
    const resource::Document* document = subject_.Find("HTTPRoute", place.route->name);
    const std::string field = "spec.rules[" + std::to_string(place.rule) + "]";
    if (shadowed.size() == rule.matches.size()) {
      return Warn(findings_, "Unreachable", *document, field,
                  shadowed.front().second.Text() +
                      " takes all its requests first: remove it, or let it match more specifically");
    }
    for (const auto& [match, before] : shadowed) {
      Warn(findings_, "Shadowed", *document, field + ".matches[" + std::to_string(match) + "]",
           before.Text() + " takes its requests first: remove it");
    }
  }

  // Who stands before it for each hostname of its route; null: some requests are left to it.
  const Place* Enter(const Place& place, const RouteMatch& match) {
    static const std::vector<std::string> any{""};
    const std::vector<std::string>& hosts = place.route->hostnames;
    const std::string signature = Signature(match);
    const Place* before = nullptr;
    bool left = false;
    for (const std::string& host : hosts.empty() ? any : hosts) {
      std::map<std::uint16_t, Place>& taken = taken_[std::string(host).append(1, '\n').append(signature)];
      auto found = taken.find(0);
      if (found == taken.end()) found = taken.find(place.route->parent_port);
      if (found == taken.end() || found->second.IsSameRule(place)) {
        left = true;
        taken.emplace(place.route->parent_port, place);
      } else {
        before = &found->second;
      }
    }
    return left ? nullptr : before;
  }

  const Subject& subject_;
  Findings& findings_;
  std::map<std::string, std::map<std::uint16_t, Place>> taken_;  // by port; zero: of every port
};

}  // namespace

void FindShadowed(const Subject& subject, Findings& findings) {
  for (const auto& [key, bundle] : subject.compiled.bundles) {
    std::map<std::string, Contest> by_consumer;  // empty: the routes of the service's own namespace
    for (const policy::Route& route : bundle.routes) {
      by_consumer.try_emplace(route.consumer ? route.ns : "", subject, findings).first->second.Add(route);
    }
  }
}

}  // namespace weft::analyze
