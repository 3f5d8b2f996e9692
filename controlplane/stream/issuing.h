#pragma once
// One agent's stream and the CA: offers, each with a nonce for one request, and the certificates that answer.
// Thread rule: any thread; one lock.

#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "controlplane/identity/authority.h"
#include "weft/v1/mesh.pb.h"

namespace weft::stream {

inline constexpr std::size_t kMostRequests = 10;  // for certificates on one stream within a minute

class Issuing {
 public:
  Issuing(identity::Authority& ca, identity::Applicant applicant)
      : ca_(ca), applicant_(std::move(applicant)) {}

  // What was issued; none: it was refused, and the agent is told why. The error ends the stream.
  Result<std::optional<identity::Issued>> OnRequest(const v1::CertificateRequest& request, TimePoint now,
                                                    WallTime wall);
  // A certificate first, then an offer when the last one was used or the roots changed.
  std::optional<v1::ControlMessage> Next();
  // It joined and was sent its certificate: the stream has no more to carry.
  bool Finished() const;

 private:
  identity::Authority& ca_;
  mutable std::mutex mutex_;  // guards all below
  identity::Applicant applicant_;
  std::string nonce_;          // offered and not used; empty: none
  std::uint64_t offered_ = 0;  // generation of the roots last offered
  std::optional<v1::ControlMessage> answer_;
  std::deque<TimePoint> asked_;
  bool issued_ = false;
};

}  // namespace weft::stream
