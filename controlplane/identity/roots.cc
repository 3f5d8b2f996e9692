#include "controlplane/identity/roots.h"

#include <algorithm>

namespace weft::identity {

Status Roots::Add(Root root, WallTime now) {
  if (Waiting(now))
    return Error{ErrorKind::kConflict,
                 "a new root waits already; it issues from " +
                     UtcText(std::chrono::floor<std::chrono::seconds>(all_.back().issues_from)),
                 {},
                 {}};
  root.made = now;
  root.issues_from = Issuer(now) == nullptr ? now : now + spans_.lead;
  if (!all_.empty()) all_.back().distrust = root.issues_from + spans_.leaf + 2 * spans_.Skew();
  all_.push_back(std::move(root));
  return {};
}

bool Roots::GiveKey(const std::string& fingerprint, const std::string& key) {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const Root& root) { return root.fingerprint == fingerprint; });
  if (found != all_.end()) found->key = key;
  return found != all_.end();
}

bool Roots::Advance(WallTime now) {
  const auto gone = [now](const Root& root) { return root.distrust && *root.distrust <= now; };
  return std::erase_if(all_, gone) > 0;
}

const Root* Roots::Issuer(WallTime now) const {
  for (auto root = all_.rbegin(); root != all_.rend(); ++root) {
    if (root->issues_from <= now && !root->key.empty() && now < root->not_after) return &*root;
  }
  return all_.empty() || all_.back().key.empty() || now >= all_.back().not_after ? nullptr : &all_.back();
}

const Root* Roots::Serving(WallTime now) const {
  for (const Root& root : all_) {
    if (!root.key.empty() && now + spans_.leaf < root.not_after) return &root;
  }
  return Issuer(now);
}

bool Roots::Waiting(WallTime now) const { return all_.size() > 1 && all_.back().issues_from > now; }

bool Roots::NeedsSuccessor(WallTime now) const {
  if (all_.empty()) return true;
  const Root& newest = all_.back();
  return !newest.external && now >= newest.made + (newest.not_after - newest.made) * 3 / 4;
}

std::string Roots::Bundle() const {
  std::string bundle;
  for (const Root& root : all_) bundle += root.pem;
  return bundle;
}

Result<Root> MakeOwnRoot(const std::string& trust_domain, const Spans& spans, WallTime now) {
  const auto key = x509::Key::Generate();
  if (!key) return key.error();
  const std::string name =
      trust_domain + " root of " + UtcText(std::chrono::floor<std::chrono::seconds>(now));
  auto pem = x509::MakeRoot(*key, {name, {}, {}, {}, now - spans.Skew(), now + spans.root});
  if (!pem) return pem.error();
  Root root;
  root.issuer = *pem;
  root.pem = std::move(*pem);
  root.key = key->Pem();
  root.fingerprint = x509::Read(root.pem)->fingerprint;
  root.not_after = now + spans.root;
  return root;
}

Result<Root> ReadExternalRoot(const std::string& chain, const std::string& key_text, WallTime now) {
  const auto parts = x509::Split(chain);
  if (!parts) return parts.error();
  const auto key = x509::Key::FromPem(key_text);
  if (!key) return key.error();
  if (auto ok = x509::CheckPair(parts->front(), *key); !ok) return ok.error();
  const auto issuer = x509::Read(parts->front());
  if (!issuer->is_ca) return Invalid("is no certificate of a CA; it may not issue others");
  if (auto ok = x509::Verify(chain, parts->back(), now); !ok)
    return Invalid("does not lead to a root: its last certificate must have signed itself (" +
                   ok.error().detail + ")");
  Root root;
  root.pem = parts->back();
  root.issuer = parts->front();
  for (std::size_t i = 0; i + 1 < parts->size(); ++i) root.between += (*parts)[i];
  root.key = key_text;
  root.fingerprint = x509::Read(parts->front())->fingerprint;
  root.not_after = issuer->not_after;
  root.external = true;
  return root;
}

}  // namespace weft::identity
