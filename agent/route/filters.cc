#include "agent/route/filters.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weft::route {
namespace {

using message::FieldId;

// Appends to a span until it is full; then the whole text is refused.
class Composer {
 public:
  explicit Composer(std::span<char> memory) : memory_(memory) {}
  Composer& Add(std::string_view part) {
    if (part.size() > memory_.size() - used_) {
      overflow_ = true;
    } else if (!part.empty()) {
      std::memcpy(memory_.data() + used_, part.data(), part.size());
      used_ += part.size();
    }
    return *this;
  }
  Composer& Add(std::uint16_t number) {
    char digits[8];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return Add(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  std::optional<std::string_view> Text() const {
    if (overflow_) return std::nullopt;
    return std::string_view(memory_.data(), used_);
  }

 private:
  std::span<char> memory_;
  std::size_t used_ = 0;
  bool overflow_ = false;
};

bool IsFraming(FieldId id) {
  switch (id) {
    case FieldId::kConnection:
    case FieldId::kKeepAlive:
    case FieldId::kProxyConnection:
    case FieldId::kTe:
    case FieldId::kTrailer:
    case FieldId::kTransferEncoding:
    case FieldId::kContentLength:
    case FieldId::kUpgrade: return true;
    default: return false;
  }
}

// `authority` is null for responses.
bool Edit(message::FieldList& fields, std::string_view* authority, const policy::HeaderEdit& edit,
          bool replace) {
  const FieldId id = message::InternFieldName(edit.name);
  if (IsFraming(id)) return true;
  if (id == FieldId::kHost && authority != nullptr) {
    *authority = edit.value;
    return true;
  }
  if (replace) fields.Remove(edit.name);
  return fields.Add(edit.name, edit.value, id);
}

bool Apply(const policy::HeaderFilter& filter, message::FieldList& fields, std::string_view* authority) {
  bool fits = true;
  for (const policy::HeaderEdit& edit : filter.set) fits &= Edit(fields, authority, edit, true);
  for (const policy::HeaderEdit& edit : filter.add) fits &= Edit(fields, authority, edit, false);
  for (const std::string& name : filter.remove) {
    if (!IsFraming(message::InternFieldName(name))) fields.Remove(name);
  }
  return fits;
}

std::string_view WithoutSlash(std::string_view text) {
  if (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

const policy::PathMatch& MatchedPath(const Decision& decision) {
  return decision.rule->matches[decision.match_index].path;
}

bool Changes(const Decision& decision, const std::optional<policy::PathRewrite>& rewrite) {
  return rewrite && (!rewrite->prefix || MatchedPath(decision).type == policy::MatchType::kPrefix);
}

// The Gateway API's table of slashes: both sides lose one slash at their end, and an empty path is "/".
void AddPath(Composer& out, const Decision& decision, const std::optional<policy::PathRewrite>& rewrite,
             std::string_view path) {
  if (!Changes(decision, rewrite)) {
    out.Add(path);
  } else if (!rewrite->prefix) {
    out.Add(rewrite->value);
  } else {
    const std::string_view head = WithoutSlash(rewrite->value);
    const std::string_view rest =
        path.substr(std::min(WithoutSlash(MatchedPath(decision).value).size(), path.size()));
    out.Add(head).Add(rest).Add(head.empty() && rest.empty() ? "/" : "");
  }
}

std::string_view QueryWithMark(std::string_view target) {
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark);
}

std::uint16_t WellKnownPort(std::string_view scheme) {
  return scheme == "http" ? 80 : scheme == "https" ? 443 : 0;
}

// Written port; else the well-known one of a written scheme; else the port of the service.
std::uint16_t RedirectPort(const policy::Redirect& redirect, std::uint16_t service_port) {
  if (redirect.port != 0) return redirect.port;
  const std::uint16_t known = redirect.scheme.empty() ? std::uint16_t{0} : WellKnownPort(redirect.scheme);
  return known != 0 ? known : service_port;
}

// As it stands in an authority: IPv6 keeps its brackets.
std::string_view BracketedHost(std::string_view authority) {
  if (!authority.starts_with('[')) return HostOf(authority);
  return authority.substr(0, std::min(authority.find(']'), authority.size() - 1) + 1);
}

}  // namespace

bool ApplyRequestFilters(const Decision& decision, message::RequestHead& head) {
  if (decision.rule == nullptr) return true;
  const bool fits = Apply(decision.rule->request_headers, head.fields, &head.authority);
  return decision.backend_ref == nullptr
             ? fits
             : Apply(decision.backend_ref->request_headers, head.fields, &head.authority) && fits;
}

bool ApplyResponseFilters(const Decision& decision, message::ResponseHead& head) {
  if (decision.rule == nullptr) return true;
  const bool fits = Apply(decision.rule->response_headers, head.fields, nullptr);
  return decision.backend_ref == nullptr
             ? fits
             : Apply(decision.backend_ref->response_headers, head.fields, nullptr) && fits;
}

std::optional<std::string_view> RewriteTarget(const Decision& decision, std::string_view target,
                                              std::span<char> memory) {
  if (decision.rule == nullptr || !Changes(decision, decision.rule->rewrite_path) ||
      !target.starts_with('/')) {
    return target;
  }
  Composer out(memory);
  AddPath(out, decision, decision.rule->rewrite_path, target.substr(0, target.find('?')));
  return out.Add(QueryWithMark(target)).Text();
}

std::string_view RewriteAuthority(const Decision& decision, std::string_view authority) {
  return decision.rule == nullptr || decision.rule->rewrite_hostname.empty()
             ? authority
             : decision.rule->rewrite_hostname;
}

std::optional<std::string_view> BuildLocation(const Decision& decision, const message::RequestHead& head,
                                              std::uint16_t port, std::span<char> memory) {
  const policy::Redirect& redirect = *decision.rule->redirect;
  const std::string_view scheme = redirect.scheme.empty() ? head.scheme : std::string_view(redirect.scheme);
  const std::uint16_t to = RedirectPort(redirect, port);
  Composer out(memory);
  out.Add(scheme).Add("://");
  out.Add(redirect.hostname.empty() ? BracketedHost(head.authority) : std::string_view(redirect.hostname));
  if (to != WellKnownPort(scheme)) out.Add(":").Add(to);
  AddPath(out, decision, redirect.path, head.path());
  return out.Add(QueryWithMark(head.target)).Text();
}

}  // namespace weft::route
