#include "controlplane/stream/issuing.h"

namespace weft::stream {

Result<std::optional<identity::Issued>> Issuing::OnRequest(const v1::CertificateRequest& request,
                                                           TimePoint now, WallTime wall) {
  const std::lock_guard lock(mutex_);
  while (!asked_.empty() && now - asked_.front() > std::chrono::minutes(1)) asked_.pop_front();
  if (asked_.size() >= kMostRequests)
    return Error{ErrorKind::kOverloaded, "an agent may ask for ten certificates within a minute", {}, {}};
  asked_.push_back(now);
  auto issued = ca_.Issue(applicant_, request.csr(), nonce_, wall);
  nonce_.clear();
  v1::Certificate& answer = *answer_.emplace().mutable_certificate();
  if (!issued) {
    answer.set_refused(issued.error().Text());
    return std::optional<identity::Issued>();
  }
  issued_ = true;
  applicant_.shown = issued->shown;
  answer.set_chain_pem(issued->chain);
  answer.set_lifetime_ns(Duration(issued->shown.until - wall).count());
  answer.set_not_after_unix_ms(UnixMs(issued->shown.until));
  return std::optional<identity::Issued>(std::move(*issued));
}

std::optional<v1::ControlMessage> Issuing::Next() {
  const std::lock_guard lock(mutex_);
  if (answer_) return std::exchange(answer_, std::nullopt);
  const std::uint64_t generation = ca_.generation();
  if (!nonce_.empty() && offered_ == generation) return std::nullopt;
  if (nonce_.empty()) {
    const auto random = x509::RandomBytes(16);
    if (!random) return std::nullopt;
    nonce_ = x509::Hex(*random);
  }
  offered_ = generation;
  v1::ControlMessage message;
  v1::IdentityOffer& offer = *message.mutable_identity_offer();
  offer.set_trust_domain(ca_.settings().trust_domain);
  offer.set_roots_pem(ca_.Bundle());
  offer.set_nonce(nonce_);
  for (const identity::Revocation& one : ca_.ListRevocations()) {
    v1::Revoked& revoked = *offer.add_revoked();
    revoked.set_serial(one.serial);
    revoked.set_spiffe(one.spiffe);
    revoked.set_last_begin_unix_ms(UnixMs(one.last_begin));
  }
  return message;
}

bool Issuing::Finished() const {
  const std::lock_guard lock(mutex_);
  return issued_ && !answer_ && !applicant_.join.empty();
}

}  // namespace weft::stream
