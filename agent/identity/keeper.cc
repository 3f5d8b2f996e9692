#include "agent/identity/keeper.h"

#include <algorithm>
#include <fstream>

#include "agent/identity/seal.h"
#include "common/file/file.h"
#include "common/x509/certificate.h"
#include "common/x509/request.h"

namespace weft::identity {
namespace {

constexpr Duration kShortestRetry = std::chrono::seconds(1), kLongestRetry = std::chrono::minutes(5);
constexpr Duration kPatience = std::chrono::seconds(30);  // with an answer

std::string Until(WallTime at) { return UtcText(std::chrono::floor<std::chrono::seconds>(at)); }

}  // namespace

Keeper::Keeper(cold::Cold& cold, KeeperOptions options)
    : cold_(cold), options_(std::move(options)), rng_(options_.seed, 0) {}
Keeper::~Keeper() { *alive_ = false; }

void Keeper::Start(KeeperHooks hooks) {
  hooks_ = std::move(hooks);
  if (options_.cache_path.empty())
    return hooks_.log(
        true,
        "without identity.cacheKeyFile and cache.path a restart needs the control plane to get an "
        "identity again");
  LoadCache();
}

void Keeper::LoadCache() {
  const auto bytes = file::Read(options_.cache_path, kMostSealed);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound) return;
  auto material = bytes ? Unseal(*bytes, options_.secret) : Result<Material>(bytes.error());
  if (!material) {
    ++status_.cache_failures;
    return hooks_.log(
        true, "the cached identity is not used: " + options_.cache_path + ": " + material.error().Text());
  }
  if (!material->ValidAt(cold_.WallNow()))
    return hooks_.log(true,
                      "the cached identity ended at " + Until(material->not_after) + "; it is not used");
  hooks_.log(false, "identity " + material->uri + " from " + options_.cache_path + ", until " +
                        Until(material->not_after));
  const Duration left = material->not_after - cold_.WallNow();
  const Duration life = material->not_after - material->not_before;
  holder_.Set(std::make_shared<const Material>(std::move(*material)));
  due_ = false;
  RenewAfter(std::max(Duration::zero(), left - life / 3));
}

void Keeper::SaveCache() {
  if (options_.cache_path.empty()) return;
  const auto sealed = Seal(*holder_.Now(), options_.secret);
  const Status saved = sealed ? file::Replace(options_.cache_path, *sealed) : Status(sealed.error());
  if (saved) return;
  ++status_.cache_failures;
  hooks_.log(true, "the identity cannot be cached: " + saved.error().Text());
}

bool Keeper::Holds() const {
  const MaterialPtr held = holder_.Now();
  return held != nullptr && held->ValidAt(cold_.WallNow());
}

Result<std::string> Keeper::JoinToken() const {
  if (!options_.join_token.empty()) return options_.join_token;
  if (options_.join_token_file.empty())
    return Error{
        ErrorKind::kUnauthenticated,
        "there is no identity and no join token; give identity.joinTokenFile a token of `weftctl identity "
        "create-token " +
            options_.ns + "/" + options_.service + "`",
        "identity",
        {}};
  std::ifstream file(options_.join_token_file);
  std::string token;
  if (file >> token) return token;
  return Invalid("holds no join token; put one of `weftctl identity create-token` there",
                 "identity.joinTokenFile", options_.join_token_file);
}

void Keeper::OnOffer(const Offer& offer) {
  offer_ = offer;
  TrustAsOffered();
  if (due_ || cold_.WallNow() >= due_at_) Ask();
}

void Keeper::TrustAsOffered() {
  const MaterialPtr held = holder_.Now();
  if (held == nullptr || !x509::Split(offer_.roots)) return;
  const bool roots = held->roots != offer_.roots, revoked = !IsSame(held->revoked, offer_.revoked);
  if (!roots && !revoked) return;
  auto fresh = std::make_shared<Material>(*held);
  fresh->roots = offer_.roots;
  fresh->revoked = offer_.revoked;
  holder_.Set(std::move(fresh));
  SaveCache();
  if (roots) hooks_.log(false, "the roots of the mesh have changed");
  if (revoked) hooks_.log(false, "the revocations of the mesh have changed");
}

void Keeper::OnStreamDown() {
  offer_.nonce.clear();
  asked_.reset();
}

void Keeper::Ask() {
  due_ = true;
  if (offer_.nonce.empty() || asked_) return;
  auto key = x509::Key::Generate();
  if (!key) return Refused(key.error().Text());
  asked_for_ = "spiffe://" + offer_.trust_domain + "/ns/" + options_.ns + "/sa/" + options_.service;
  auto csr = x509::MakeRequest(*key, asked_for_, offer_.nonce);
  offer_.nonce.clear();
  if (!csr) return Refused(csr.error().Text());
  asked_ = std::move(*key);
  RenewAfter(kPatience);  // that is when it is given up, unless an answer comes
  hooks_.send(std::move(*csr));
}

// The issuer's clock counts: its now is the end less the life that is left.
Result<MaterialPtr> Keeper::Check(const Answer& answer) const {
  const auto leaf = x509::Read(answer.chain);
  if (!leaf) return leaf.error();
  if (auto ok = x509::CheckPair(answer.chain, *asked_); !ok) return ok.error();
  if (leaf->uri != asked_for_) return Invalid("it is of '" + leaf->uri + "', asked was for " + asked_for_);
  if (answer.lifetime <= Duration::zero()) return Invalid("it has ended already");
  if (auto ok = x509::Verify(answer.chain, offer_.roots, leaf->not_after - answer.lifetime); !ok)
    return ok.error();
  return MaterialPtr(std::make_shared<const Material>(
      Material{leaf->uri, answer.chain, asked_->Pem(), offer_.roots, leaf->not_before, leaf->not_after,
               cold_.WallNow() + answer.lifetime, offer_.revoked}));
}

void Keeper::OnAnswer(const Answer& answer) {
  if (!asked_) return;
  if (!answer.refused.empty()) return Refused(answer.refused);
  auto material = Check(answer);
  if (!material) return Refused("the certificate that came is not used: " + material.error().Text());
  Adopt(std::move(*material), answer.lifetime);
}

void Keeper::Adopt(MaterialPtr material, Duration lifetime) {
  const bool first = !Holds();
  asked_.reset();
  due_ = false;
  ++status_.issued;
  status_.last_refusal.clear();
  hooks_.log(false, "identity " + material->uri + ", until " + Until(material->not_after));
  holder_.Set(std::move(material));
  SaveCache();
  const double part = 2.0 / 3 + (rng_.Unit(Purpose::kReconnect) - 0.5) * 0.2 * 2 / 3;
  RenewAfter(Duration(static_cast<std::int64_t>(static_cast<double>(lifetime.count()) * part)));
  if (first) hooks_.joined();
}

void Keeper::RenewAfter(Duration span) {
  due_at_ = cold_.WallNow() + span;
  cold_.After(span, [this, turn = ++timer_, alive = alive_] {
    if (!*alive || turn != timer_) return;
    asked_ ? Refused("the control plane did not answer") : Ask();
  });
}

void Keeper::Refused(const std::string& why) {
  asked_.reset();
  ++status_.refused;
  if (why != status_.last_refusal) hooks_.log(true, "no certificate, what is held stays: " + why);
  status_.last_refusal = why;
  due_ = false;
  const MaterialPtr held = holder_.Now();
  const Duration left = held == nullptr ? Duration::zero() : Duration(held->not_after - cold_.WallNow());
  const Duration most = std::clamp(left / 10, kShortestRetry, kLongestRetry);
  RenewAfter(most / 2 + Duration(static_cast<std::int64_t>(rng_.Below(
                            Purpose::kReconnect, static_cast<std::uint64_t>((most / 2).count())))));
}

}  // namespace weft::identity
