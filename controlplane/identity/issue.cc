// Certificates: for agents that ask, and for the control plane itself.
#include "common/x509/request.h"
#include "controlplane/auth/auth.h"
#include "controlplane/identity/authority.h"

namespace weft::identity {
namespace {

Error Forbidden(std::string why) { return {ErrorKind::kForbidden, std::move(why), {}, {}}; }

}  // namespace

// What was asked for must be what the applicant is; the answer says which of them was wrong.
Result<std::string> Authority::Check(const Applicant& applicant, const x509::Request& request,
                                     std::string_view nonce) const {
  if (nonce.empty() || !auth::ConstantTimeEqual(request.nonce, nonce))
    return Forbidden(
        "the nonce of the certificate request is not the one last offered on this stream: "
        "it was used already, or the request is of another stream");
  if (applicant.service.empty())
    return Forbidden(
        "certificates are for agents of one service: show a join token, or a certificate of "
        "spiffe://" +
        settings_.trust_domain + "/ns/NAMESPACE/sa/SERVICE");
  std::string own = SpiffeOf(settings_.trust_domain, applicant.ns, applicant.service);
  if (request.uri == own) return own;
  return Forbidden("the certificate request is for '" + request.uri.substr(0, 256) + "', the caller is " +
                   own);
}

Result<Issued> Authority::Sign(const Root& root, const x509::Key& owner, x509::Subject subject,
                               WallTime now) const {
  const auto key = x509::Key::FromPem(root.key);
  if (!key) return key.error();
  subject.not_before = std::max(BeginOf(now), revocations_.After(subject.uri));
  subject.not_after = std::min(now + settings_.spans.leaf, root.not_after);
  auto leaf = x509::MakeLeaf(root.issuer, *key, owner, subject);
  if (!leaf) return leaf.error();
  auto read = x509::Read(*leaf);
  if (!read) return read.error();
  return Issued{*leaf + root.between,
                {std::move(read->uri), std::move(read->serial), read->not_before, read->not_after}};
}

Result<Issued> Authority::Answer(const Applicant& applicant, std::string_view request, std::string_view nonce,
                                 WallTime now) {
  if (auto ok = revocations_.Check(applicant.shown); !ok) return ok.error();
  const auto asked = x509::ReadRequest(request);
  if (!asked) return asked.error();
  auto own = Check(applicant, *asked, nonce);
  if (!own) return own.error();
  const Root* root = roots_.Issuer(now);
  if (root == nullptr)
    return Error{ErrorKind::kUnavailable, "the CA has no root that may issue now; weftctl identity", {}, {}};
  return Sign(*root, asked->public_key, {applicant.service, std::move(*own), {}, {}, {}, {}}, now);
}

// Of a token that may be used so many times: before the certificate is given, since a crash must not give the
// use back.
Status Authority::CountUse(const std::string& join, WallTime now) {
  if (join.empty()) return {};
  const auto before = tokens_.Find(join);
  if (auto ok = tokens_.Use(join, now); !ok) return ok;
  unsaved_ = true;
  if (before->most_uses == 0) return {};
  const Status saved = Save();
  if (!saved) tokens_.GiveBack(*before);
  return saved;
}

Result<Issued> Authority::Issue(const Applicant& applicant, std::string_view request, std::string_view nonce,
                                WallTime now) {
  const std::lock_guard lock(mutex_);
  auto issued = Answer(applicant, request, nonce, now);
  if (auto counted = issued ? CountUse(applicant.join, now) : Status(); !counted) issued = counted.error();
  const events::Object object{"Agent", applicant.ns, applicant.node};
  if (!issued) {
    ++counts_.refused;
    events::Note(events_, true, "CertificateRefused", object, issued.error().Text());
    return issued;
  }
  ++(applicant.join.empty() ? counts_.renewals : counts_.joins);
  if (applicant.join.empty()) return issued;
  events::Note(events_, false, "AgentJoined", object,
               "as " + applicant.ns + "/" + applicant.service + " with the join token " + applicant.join);
  return issued;
}

Result<std::shared_ptr<const Serving>> Authority::MakeServing(WallTime now) const {
  const Root* root = roots_.Serving(now);
  if (root == nullptr) return Error{ErrorKind::kUnavailable, "the CA has no root that may issue now", {}, {}};
  const auto key = x509::Key::Generate();
  if (!key) return key.error();
  auto issued = Sign(*root, *key,
                     {"weft-control",
                      "spiffe://" + settings_.trust_domain + "/control-plane",
                      settings_.dns,
                      settings_.ips,
                      {},
                      {}},
                     now);
  if (!issued) return issued.error();
  Serving serving;
  serving.chain = std::move(issued->chain);
  serving.key = key->Pem();
  serving.roots = roots_.Bundle();
  serving.renew_at = now + (issued->shown.until - now) * 2 / 3;
  return std::make_shared<const Serving>(std::move(serving));
}

std::shared_ptr<const Serving> Authority::Serve(WallTime now) {
  const std::lock_guard lock(mutex_);
  if (serving_ != nullptr && now < serving_->renew_at) return serving_;
  if (auto made = MakeServing(now)) serving_ = std::move(*made);
  return serving_;
}

}  // namespace weft::identity
