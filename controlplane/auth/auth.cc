#include "controlplane/auth/auth.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

namespace weft::auth {
namespace {

constexpr std::array<std::string_view, 4> kRoles = {"viewer", "agent", "editor", "admin"};

class Loopback final : public Authenticator {
 public:
  Result<Principal> Authenticate(const Credentials& credentials) override {
    if (credentials.peer.ip.IsLoopback()) return Principal{"loopback", Role::kAdmin};
    return Error{ErrorKind::kUnauthenticated, "without a token file only loopback peers are served", {}, {}};
  }
};

class Insecure final : public Authenticator {
 public:
  Result<Principal> Authenticate(const Credentials&) override { return Principal{"anyone", Role::kAdmin}; }
};

struct Token {
  std::string secret;
  Principal principal;
};

// Changes with every replacement and every edit of the file.
struct Stamp {
  std::int64_t seconds = 0, nanos = 0, size = -1;
  std::uint64_t inode = 0;
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

Stamp StampOf(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return {};
  return {found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_size, found.st_ino};
}

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
    if (secret.size() < 8) return Invalid("a token has at least 8 characters", {}, where);
    const auto parsed = ParseRole(role);
    if (!parsed) return Invalid(parsed.error().detail, {}, where);
    tokens.push_back({std::move(secret), {std::move(name), *parsed}});
  }
  if (tokens.empty())
    return Invalid("the token file holds no token; write a line SECRET NAME ROLE", {}, path);
  return tokens;
}

class TokenFile final : public Authenticator {
 public:
  TokenFile(std::string path, Stamp stamp, std::vector<Token> tokens, std::function<void(const Error&)> warn)
      : path_(std::move(path)), warn_(std::move(warn)), stamp_(stamp), tokens_(std::move(tokens)) {}

  Result<Principal> Authenticate(const Credentials& credentials) override {
    const std::lock_guard lock(mutex_);
    Refresh();
    static constexpr std::string_view kScheme = "Bearer ";
    if (!credentials.authorization.starts_with(kScheme)) {
      return Error{ErrorKind::kUnauthenticated, "a bearer token is needed", {}, {}};
    }
    const std::string_view shown = credentials.authorization.substr(kScheme.size());
    const Token* match = nullptr;
    for (const Token& token : tokens_) {  // all of them, so that time tells nothing
      if (ConstantTimeEqual(token.secret, shown)) match = &token;
    }
    if (match == nullptr)
      return Error{ErrorKind::kUnauthenticated, "the bearer token is not known here", {}, {}};
    return match->principal;
  }

 private:
  void Refresh() {
    const Stamp now = StampOf(path_);
    if (now == stamp_) return;
    stamp_ = now;
    auto tokens = ReadTokens(path_);
    tokens ? static_cast<void>(tokens_ = std::move(*tokens)) : warn_(tokens.error());
  }

  const std::string path_;
  const std::function<void(const Error&)> warn_;
  std::mutex mutex_;  // guards all below
  Stamp stamp_;
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

Result<std::unique_ptr<Authenticator>> MakeTokenFile(const std::string& path,
                                                     std::function<void(const Error&)> warn) {
  const Stamp stamp = StampOf(path);
  auto tokens = ReadTokens(path);
  if (!tokens) return tokens.error();
  return std::unique_ptr<Authenticator>(
      std::make_unique<TokenFile>(path, stamp, std::move(*tokens), std::move(warn)));
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
