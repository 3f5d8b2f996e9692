#include "controlplane/identity/authority.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "common/file/file.h"
#include "common/stamp/stamp.h"

namespace weft::identity {
namespace {

constexpr std::size_t kMostStateBytes = 64U << 20U;
constexpr std::size_t kMostPemBytes = 1U << 20U;

std::string StatePath(const Settings& settings) { return settings.folder + "/state.json"; }

std::string StampOf(const Settings& settings) {
  return stamp::StampOf(settings.ca_cert) + ";" + stamp::StampOf(settings.ca_key);
}

Status MakeFolder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno == EEXIST && ::chmod(folder.c_str(), 0700) == 0) return {};
  return Invalid(std::string("cannot be used for the CA's state: ") + std::strerror(errno), "--data", folder);
}

Result<State> ReadState(const Settings& settings) {
  const auto text = file::Read(StatePath(settings), kMostStateBytes);
  if (!text && text.error().kind == ErrorKind::kNotFound) return State{settings.trust_domain, {}, {}, {}};
  if (!text) return text.error();
  auto state = DecodeState(*text);
  if (!state)
    return Invalid(state.error().Text() + "; restore a backup, or move it away: agents then need new tokens",
                   {}, StatePath(settings));
  if (state->trust_domain != settings.trust_domain)
    return Invalid("the CA there is of the trust domain '" + state->trust_domain +
                       "'; go on with it, or move the folder away",
                   "--trust-domain", settings.folder);
  return state;
}

std::string Short(const std::string& fingerprint) { return fingerprint.substr(0, 16); }

}  // namespace

std::string SpiffeOf(const std::string& trust_domain, const std::string& ns, const std::string& service) {
  return "spiffe://" + trust_domain + "/ns/" + ns + "/sa/" + service;
}

Authority::Authority(Settings settings, State state)
    : settings_(std::move(settings)),
      roots_(settings_.spans, std::move(state.roots)),
      tokens_(std::move(state.tokens)),
      revocations_(std::move(state.revocations)),
      revocations_now_(revocations_.size()) {}

Result<std::unique_ptr<Authority>> Authority::Open(Settings settings, WallTime now) {
  if (auto ok = MakeFolder(settings.folder); !ok) return ok.error();
  auto state = ReadState(settings);
  if (!state) return state.error();
  std::unique_ptr<Authority> out(new Authority(std::move(settings), std::move(*state)));
  out->roots_.Advance(now);
  if (!out->settings_.ca_cert.empty()) {
    out->stamp_ = StampOf(out->settings_);
    if (auto ok = out->TakeExternal(now); !ok) return ok.error();
  } else if (out->roots_.Issuer(now) == nullptr) {
    auto root = MakeOwnRoot(out->settings_.trust_domain, out->settings_.spans, now);
    if (!root) return root.error();
    if (auto ok = out->AddRoot(std::move(*root), now); !ok) return ok.error();
  }
  if (auto ok = out->Save(); !ok) return ok.error();
  return out;
}

// The roots are public: agents and users are given roots.pem as their CA.
Status Authority::Save() {
  const State state{settings_.trust_domain, roots_.all(), tokens_.All(), revocations_.All()};
  if (auto ok = file::Replace(StatePath(settings_), EncodeState(state)); !ok) {
    ++counts_.failures;
    return ok;
  }
  unsaved_ = false;
  return file::Replace(settings_.folder + "/roots.pem", roots_.Bundle(), true);
}

Status Authority::AddRoot(Root root, WallTime now) {
  const bool first = roots_.all().empty();
  const std::string name = Short(root.fingerprint);
  std::vector<Root> before = roots_.all();
  if (auto ok = roots_.Add(std::move(root), now); !ok) return ok;
  if (first) return {};
  if (auto ok = Save(); !ok) {
    roots_ = Roots(settings_.spans, std::move(before));
    return ok;
  }
  ++counts_.rotations;
  TellRoots("root " + name + " is trusted and issues from " +
            UtcText(std::chrono::floor<std::chrono::seconds>(roots_.all().back().issues_from)));
  return {};
}

void Authority::TellRoots(const std::string& what) {
  ++generation_;
  serving_.reset();
  events::Note(events_, false, "RootsChanged", {"ControlPlane", "", "identity"}, what);
}

// A changed external CA is a new root, unless it is the old one with another key beside it.
Status Authority::TakeExternal(WallTime now) {
  const auto chain = file::Read(settings_.ca_cert, kMostPemBytes);
  if (!chain) return Invalid(chain.error().detail, "--identity-ca-cert", settings_.ca_cert);
  const auto key = file::Read(settings_.ca_key, kMostPemBytes);
  if (!key) return Invalid(key.error().detail, "--identity-ca-key", settings_.ca_key);
  auto root = ReadExternalRoot(*chain, *key, now);
  if (!root) return Invalid(root.error().detail, "--identity-ca-cert", settings_.ca_cert);
  if (!roots_.GiveKey(root->fingerprint, root->key)) return AddRoot(std::move(*root), now);
  return {};
}

Status Authority::Rotate(WallTime now) {
  const std::lock_guard lock(mutex_);
  if (!settings_.ca_cert.empty())
    return Invalid("the CA is elsewhere: replace the files of --identity-ca-cert and --identity-ca-key");
  auto root = MakeOwnRoot(settings_.trust_domain, settings_.spans, now);
  if (!root) return root.error();
  return AddRoot(std::move(*root), now);
}

void Authority::Tick(WallTime now) {
  const std::lock_guard lock(mutex_);
  const bool retired = roots_.Advance(now);
  if (retired) TellRoots("a root is trusted no longer: what it issued has ended");
  const bool tokens_left = tokens_.Prune(now), revocations_left = revocations_.Prune(now);
  if (retired || tokens_left || revocations_left) unsaved_ = true;
  revocations_now_ = revocations_.size();
  if (!settings_.ca_cert.empty()) {
    if (std::string stamp = StampOf(settings_); stamp != stamp_) {
      stamp_ = std::move(stamp);
      if (auto ok = TakeExternal(now); !ok) {
        ++counts_.failures;
        if (ok.error().kind == ErrorKind::kConflict) stamp_.clear();  // again when the one that waits issues
        events::Note(events_, true, "CaUnusable", {"ControlPlane", "", "identity"},
                     "the changed CA is not taken up, the one before stays: " + ok.error().Text());
      }
    }
  } else if (roots_.NeedsSuccessor(now) && !roots_.Waiting(now)) {
    if (auto root = MakeOwnRoot(settings_.trust_domain, settings_.spans, now))
      static_cast<void>(AddRoot(std::move(*root), now));
  }
  if (unsaved_) static_cast<void>(Save());
}

Result<MadeToken> Authority::MakeToken(const TokenRequest& request, WallTime now) {
  const auto random = x509::RandomBytes(kIdBytes + kSecretBytes);
  if (!random) return random.error();
  const std::lock_guard lock(mutex_);
  auto made = tokens_.Make(request, *random, now);
  if (!made) return made;
  if (auto ok = Save(); !ok) {
    static_cast<void>(tokens_.Revoke(made->token.id, now));
    return ok.error();
  }
  return made;
}

Status Authority::RevokeToken(const std::string& id, WallTime now) {
  const std::lock_guard lock(mutex_);
  if (auto ok = tokens_.Revoke(id, now); !ok) return ok;
  return Save();
}

std::vector<Token> Authority::ListTokens() const {
  const std::lock_guard lock(mutex_);
  return tokens_.All();
}

Result<Token> Authority::CheckToken(std::string_view text, WallTime now) {
  const std::lock_guard lock(mutex_);
  auto token = tokens_.Check(text, now);
  if (!token) {
    ++counts_.refused_tokens;
    events::Note(events_, true, "JoinRefused", {"ControlPlane", "", "identity"}, token.error().detail);
  }
  return token;
}

std::uint64_t Authority::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

std::string Authority::Bundle() const {
  const std::lock_guard lock(mutex_);
  return roots_.Bundle();
}

std::vector<RootLook> Authority::ListRoots(WallTime now) const {
  const std::lock_guard lock(mutex_);
  const Root* issuer = roots_.Issuer(now);
  std::vector<RootLook> out;
  for (const Root& root : roots_.all()) {
    const char* state = &root == issuer ? "issuing" : root.issues_from > now ? "waiting" : "trusted";
    out.push_back({root.fingerprint, state, root.not_after, root.issues_from, root.distrust, root.external});
  }
  return out;
}

Counts Authority::counts(WallTime now) const {
  const std::lock_guard lock(mutex_);
  Counts out = counts_;
  out.valid_tokens = tokens_.Valid(now);
  out.roots = roots_.all().size();
  out.revocations = revocations_.size();
  if (const Root* issuer = roots_.Issuer(now)) out.issuer_ends = issuer->not_after;
  return out;
}

}  // namespace weft::identity
