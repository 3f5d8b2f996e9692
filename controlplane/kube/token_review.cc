#include "controlplane/kube/token_review.h"

#include <algorithm>
#include <map>

#include "controlplane/api/foreign.h"

namespace weft::kube {
namespace {

using api::At;

constexpr Duration kBelieved = std::chrono::minutes(1);
constexpr Duration kBelievedAlone = std::chrono::hours(1);  // while the API server is away
constexpr std::size_t kMostKnown = 20'000;
constexpr std::string_view kScheme = "Bearer ";
constexpr std::string_view kAccount = "system:serviceaccount:";

Error Refused(std::string why) { return {ErrorKind::kUnauthenticated, std::move(why), {}, {}}; }

class TokenReview final : public auth::Authenticator {
 public:
  TokenReview(Config config, TokenOptions options)
      : client_(std::move(config)), options_(std::move(options)) {}

 private:
  struct Known {
    auth::Principal principal;
    TimePoint since;
  };

  Result<auth::Principal> Recognise(const auth::Credentials& shown) override {
    if (shown.authorization.empty() && shown.peer.ip.IsLoopback())
      return auth::Principal{"loopback", auth::Role::kAdmin};
    if (!shown.authorization.starts_with(kScheme)) return Refused("the token of a service account is needed");
    const std::string token(shown.authorization.substr(kScheme.size()));
    const TimePoint now = options_.clock();
    const std::optional<Known> known = Find(token);
    if (known && now - known->since < kBelieved) return known->principal;
    auto judged = Ask(token);
    if (judged) {
      Keep(token, {*judged, now});
    } else if (judged.error().kind != ErrorKind::kUnauthenticated && known &&
               now - known->since < kBelievedAlone) {
      return known->principal;
    }
    return judged;
  }

  Result<auth::Principal> Ask(const std::string& token) const {
    const Json body = {{"apiVersion", "authentication.k8s.io/v1"},
                       {"kind", "TokenReview"},
                       {"spec", {{"token", token}, {"audiences", {options_.audience}}}}};
    const auto answer = client_.Call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body);
    if (!answer) return answer.error();
    return Judge(*answer);
  }

  Result<auth::Principal> Judge(const Json& review) const {
    const Json status = review.value("status", Json::object());
    const Json audiences = At(status, "audiences"), user = At(At(status, "user"), "username");
    if (At(status, "authenticated") != true)
      return Refused("the API server does not know this token for the audience " + options_.audience);
    if (std::find(audiences.begin(), audiences.end(), options_.audience) == audiences.end())
      return Refused("the token is not for the audience " + options_.audience);
    return PrincipalOf(user.is_string() ? user.get<std::string>() : std::string());
  }

  Result<auth::Principal> PrincipalOf(const std::string& user) const {
    if (!user.starts_with(kAccount)) return Refused("'" + user + "' is no service account");
    std::string name = user.substr(kAccount.size());
    std::replace(name.begin(), name.end(), ':', '/');
    const bool admin =
        std::find(options_.admins.begin(), options_.admins.end(), name) != options_.admins.end();
    return auth::Principal{name, admin ? auth::Role::kAdmin : auth::Role::kAgent};
  }

  std::optional<Known> Find(const std::string& token) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(token);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
  }
  void Keep(const std::string& token, Known known) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMostKnown) known_.clear();
    known_[token] = std::move(known);
  }

  const Client client_;
  const TokenOptions options_;
  std::mutex mutex_;  // guards known_
  std::map<std::string, Known> known_;
};

}  // namespace

std::unique_ptr<auth::Authenticator> MakeTokenReview(Config config, TokenOptions options) {
  return std::make_unique<TokenReview>(std::move(config), std::move(options));
}

}  // namespace weft::kube
