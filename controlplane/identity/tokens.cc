#include "controlplane/identity/tokens.h"

#include <algorithm>

#include "common/net/key.h"
#include "common/wire/wire.h"
#include "common/x509/key.h"
#include "controlplane/auth/auth.h"

namespace weft::identity {
namespace {

constexpr std::size_t kIdDigits = 2 * kIdBytes, kSecretDigits = 2 * kSecretBytes;

Status CheckTtl(Duration ttl) {
  if (ttl < std::chrono::seconds(1) || ttl > kLongestToken)
    return Invalid("a join token lives for 1s to 720h", "ttl");
  return {};
}

Error Refused(std::string why) { return {ErrorKind::kUnauthenticated, std::move(why), {}, {}}; }

Status CheckState(const Token& token, WallTime now) {
  const std::string_view state = token.State(now);
  if (state == "valid") return {};
  return Refused("the join token " + token.id + " is " + std::string(state) + (state == "used" ? " up" : "") +
                 "; make another one: weftctl identity create-token " + token.ns + "/" + token.service);
}

}  // namespace

std::string_view Token::State(WallTime now) const {
  if (revoked != WallTime()) return "revoked";
  if (most_uses != 0 && uses >= most_uses) return "used";
  return now < expires ? "valid" : "expired";
}

bool IsToken(std::string_view text) { return text.starts_with(kTokenPrefix); }

Tokens::Tokens(std::vector<Token> kept) {
  for (Token& token : kept) {
    const std::string id = token.id;
    by_id_.emplace(id, std::move(token));
  }
}

Result<MadeToken> Tokens::Make(const TokenRequest& request, std::string_view random, WallTime now) {
  if (!IsDnsLabel(request.ns)) return Invalid("is no name of a namespace", "namespace");
  if (!IsDnsLabel(request.service)) return Invalid("is no name of a service", "service");
  if (request.node.size() > 253) return Invalid("is longer than 253 characters", "node");
  const Duration ttl = request.ttl == Duration::zero() ? kUsualToken : request.ttl;
  if (auto ok = CheckTtl(ttl); !ok) return ok.error();
  Prune(now);
  if (by_id_.size() >= kMostTokens)
    return Error{ErrorKind::kOverloaded, "there are 10000 join tokens; wait until some have ended", {}, {}};
  MadeToken made;
  made.token.id = x509::Hex(random.substr(0, kIdBytes));
  const std::string secret = x509::Hex(random.substr(kIdBytes, kSecretBytes));
  made.text = std::string(kTokenPrefix) + made.token.id + "-" + secret;
  made.token.hash = wire::Sha256Hex(secret);
  made.token.ns = request.ns;
  made.token.service = request.service;
  made.token.node = request.node;
  made.token.creator = request.creator;
  made.token.most_uses = request.most_uses;
  made.token.created = now;
  made.token.expires = now + ttl;
  if (!by_id_.emplace(made.token.id, made.token).second)
    return Error{ErrorKind::kInternal, "two join tokens got one id; try again", {}, {}};
  return made;
}

Status Tokens::Revoke(const std::string& id, WallTime now) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end())
    return Error{ErrorKind::kNotFound,
                 "there is no join token '" + id + "'; `weftctl identity tokens` lists them",
                 "id",
                 {}};
  if (found->second.revoked == WallTime()) found->second.revoked = now;
  return {};
}

Result<Token> Tokens::Check(std::string_view text, WallTime now) const {
  if (!IsToken(text) || text.size() != kTokenPrefix.size() + kIdDigits + 1 + kSecretDigits)
    return Refused("this is no join token");
  const auto found = by_id_.find(std::string(text.substr(kTokenPrefix.size(), kIdDigits)));
  const std::string hash = wire::Sha256Hex(text.substr(text.size() - kSecretDigits));
  if (found == by_id_.end() || !auth::ConstantTimeEqual(found->second.hash, hash))
    return Refused("the join token is not known here");
  if (auto ok = CheckState(found->second, now); !ok) return ok.error();
  return found->second;
}

Status Tokens::Use(const std::string& id, WallTime now) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return Refused("the join token is not known here");
  if (auto ok = CheckState(found->second, now); !ok) return ok;
  found->second.used = now;
  ++found->second.uses;
  return {};
}

void Tokens::GiveBack(const Token& before) { by_id_.insert_or_assign(before.id, before); }

std::optional<Token> Tokens::Find(const std::string& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? std::nullopt : std::optional<Token>(found->second);
}

void Tokens::RevokeOf(const std::string& ns, const std::string& service, WallTime now) {
  for (auto& [id, token] : by_id_) {
    if (token.ns == ns && token.service == service && token.State(now) == "valid") token.revoked = now;
  }
}

bool Tokens::Prune(WallTime now) {
  return std::erase_if(by_id_, [now](const auto& one) { return one.second.expires + kKeepEnded < now; }) > 0;
}

std::vector<Token> Tokens::All() const {
  std::vector<Token> all;
  for (const auto& [id, token] : by_id_) all.push_back(token);
  std::stable_sort(all.begin(), all.end(),
                   [](const Token& a, const Token& b) { return a.created < b.created; });
  return all;
}

std::size_t Tokens::Valid(WallTime now) const {
  return static_cast<std::size_t>(std::count_if(
      by_id_.begin(), by_id_.end(), [now](const auto& one) { return one.second.State(now) == "valid"; }));
}

}  // namespace weft::identity
