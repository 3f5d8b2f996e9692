#include "controlplane/auth/auth.h"

#include <fstream>
#include <sstream>

#include "common/net/key.h"
#include "common/stamp/stamp.h"

namespace weft::auth {
namespace {

constexpr std::array<std::string_view, 4> kRoles = {"viewer", "agent", "editor", "admin"};

class Loopback final : public Authenticator {
  Result<Principal> Recognise(const Credentials& credentials) override {
    if (credentials.peer.ip.IsLoopback()) return Principal{"loopback", Role::kAdmin};
    return Error{ErrorKind::kUnauthenticated, "without a token file only loopback peers are served", {}, {}};
  }
};

class Insecure final : public Authenticator {
  Result<Principal> Recognise(const Credentials&) override { return Principal{"anyone", Role::kAdmin}; }
};

constexpr std::string_view kCertificate = "cert:";

struct Token {
  std::string secret;  // or "cert:SUBJECT"
  Principal principal;
};

Result<std::vector<Token>> ReadTokens(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Invalid("cannot read the token file", {}, path);
  std::vector<Token> tokens;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string where = path + ":" + std::to_string(number);
    std::istringstream words(line.substr(0, line.find('#')));
    std::string secret, name, role, more;
    if (!(words >> secret)) continue;
    if (!(words >> name >> role) || words >> more) return Invalid("a line is SECRET NAME ROLE", {}, where);
    if (secret.size() < 8 && !secret.starts_with(kCertificate))
      return Invalid("a token has at least 8 characters", {}, where);
    const auto parsed = ParseRole(role);
    if (!parsed) return Invalid(parsed.error().detail, {}, where);
    tokens.push_back({std::move(secret), {std::move(name), *parsed}});
  }
  if (tokens.empty())
    return Invalid("the token file holds no token; write a line SECRET NAME ROLE", {}, path);
  return tokens;
}

class TrustedCallers final : public Authenticator {
 public:
  TrustedCallers(Trusted trusted, std::string stamp, std::vector<Token> tokens,
                 std::function<void(const Error&)> warn)
      : trusted_(std::move(trusted)),
        warn_(std::move(warn)),
        stamp_(std::move(stamp)),
        tokens_(std::move(tokens)) {}

 private:
  Result<Principal> Recognise(const Credentials& credentials) override {
    const std::lock_guard lock(mutex_);
    Refresh();
    if (!credentials.authorization.empty()) return OfToken(credentials.authorization);
    if (!credentials.spiffe.empty() || !credentials.common_name.empty()) return OfCertificate(credentials);
    return Error{ErrorKind::kUnauthenticated, "a bearer token or a client certificate is needed", {}, {}};
  }

  Result<Principal> OfToken(std::string_view authorization) const {
    static constexpr std::string_view kScheme = "Bearer ";
    if (!authorization.starts_with(kScheme))
      return Error{ErrorKind::kUnauthenticated, "a bearer token is needed", {}, {}};
    const std::string_view shown = authorization.substr(kScheme.size());
    const Token* match = nullptr;
    for (const Token& token : tokens_) {  // all of them, so that time tells nothing
      if (!token.secret.starts_with(kCertificate) && ConstantTimeEqual(token.secret, shown)) match = &token;
    }
    if (match == nullptr)
      return Error{ErrorKind::kUnauthenticated, "the bearer token is not known here", {}, {}};
    return match->principal;
  }

  Result<Principal> OfCertificate(const Credentials& shown) const {
    for (const Token& token : tokens_) {
      if (!token.secret.starts_with(kCertificate)) continue;
      const std::string_view subject = std::string_view(token.secret).substr(kCertificate.size());
      if (subject == shown.spiffe || subject == shown.common_name) return token.principal;
    }
    if (shown.spiffe.empty() || trusted_.trust_domain.empty()) {
      const std::string subject(shown.spiffe.empty() ? shown.common_name : shown.spiffe);
      return Error{ErrorKind::kForbidden,
                   "the certificate of '" + subject + "' has no role; add a line cert:" + subject +
                       " NAME ROLE to the token file",
                   {},
                   {}};
    }
    auto id = ParseSpiffe(shown.spiffe, trusted_.trust_domain);
    if (!id) return id.error();
    return Principal{std::string(shown.spiffe), Role::kAgent, std::move(id->ns), std::move(id->service)};
  }

  void Refresh() {
    if (trusted_.token_file.empty()) return;
    std::string now = stamp::StampOf(trusted_.token_file);
    if (now == stamp_) return;
    stamp_ = std::move(now);
    auto tokens = ReadTokens(trusted_.token_file);
    tokens ? static_cast<void>(tokens_ = std::move(*tokens)) : warn_(tokens.error());
  }

  const Trusted trusted_;
  const std::function<void(const Error&)> warn_;
  std::mutex mutex_;  // guards all below
  std::string stamp_;
  std::vector<Token> tokens_;
};

}  // namespace

std::string_view ToString(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

Result<Role> ParseRole(std::string_view text) {
  const auto found = std::find(kRoles.begin(), kRoles.end(), text);
  if (found == kRoles.end())
    return Invalid("'" + std::string(text) + "' is no role; use viewer, editor, admin or agent");
  return static_cast<Role>(found - kRoles.begin());
}

std::unique_ptr<Authenticator> MakeLoopback() { return std::make_unique<Loopback>(); }
std::unique_ptr<Authenticator> MakeInsecure() { return std::make_unique<Insecure>(); }

Result<Principal> Authenticator::Authenticate(const Credentials& credentials) {
  auto principal = Recognise(credentials);
  if (!principal) return principal;
  principal->peer = credentials.peer.ToString();
  principal->shown = {std::string(credentials.spiffe), credentials.serial, credentials.from,
                      credentials.until};
  if (check_ && !credentials.serial.empty()) {
    if (auto ok = check_(principal->shown); !ok) return ok.error();
  }
  return principal;
}

Result<std::unique_ptr<Authenticator>> MakeTrusted(const Trusted& trusted,
                                                   std::function<void(const Error&)> warn) {
  std::string stamp;
  std::vector<Token> tokens;
  if (!trusted.token_file.empty()) {
    stamp = stamp::StampOf(trusted.token_file);
    auto read = ReadTokens(trusted.token_file);
    if (!read) return read.error();
    tokens = std::move(*read);
  }
  return std::unique_ptr<Authenticator>(
      std::make_unique<TrustedCallers>(trusted, std::move(stamp), std::move(tokens), std::move(warn)));
}

Result<SpiffeId> ParseSpiffe(std::string_view id, std::string_view trust_domain) {
  const std::string prefix = "spiffe://" + std::string(trust_domain) + "/ns/";
  const auto between = id.find("/sa/", std::min(prefix.size(), id.size()));
  if (!id.starts_with(prefix) || between == std::string_view::npos) {
    return Error{ErrorKind::kForbidden,
                 "the identity '" + std::string(id) + "' is not " + prefix + "NAMESPACE/sa/SERVICE",
                 {},
                 {}};
  }
  SpiffeId out{std::string(id.substr(prefix.size(), between - prefix.size())),
               std::string(id.substr(between + 4))};
  if (IsDnsLabel(out.ns) && IsDnsLabel(out.service)) return out;
  return Error{ErrorKind::kForbidden, "the identity '" + std::string(id) + "' names no service", {}, {}};
}

Status MaySpeakFor(const Principal& principal, std::string_view ns, std::string_view service) {
  if (principal.service.empty() || (principal.ns == ns && principal.service == service)) return {};
  return Error{ErrorKind::kForbidden,
               "the certificate is of " + principal.ns + "/" + principal.service +
                   ", which cannot speak for " + std::string(ns) + "/" + std::string(service),
               {},
               {}};
}

Status Require(const Principal& principal, Role needed) {
  if (principal.role >= needed) return {};
  return Error{ErrorKind::kForbidden,
               "'" + principal.name + "' is " + std::string(ToString(principal.role)) +
                   "; this needs the role " + std::string(ToString(needed)),
               {},
               {}};
}

Status CheckExposure(const net::Address& listen, bool has_credentials, bool insecure, std::string_view flag) {
  if (has_credentials || insecure || listen.ip.IsLoopback()) return {};
  return Invalid("listening on " + listen.ToString() +
                     " needs credentials: give --token-file FILE, listen on 127.0.0.1, or say --insecure",
                 std::string(flag));
}

bool ConstantTimeEqual(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace weft::auth
