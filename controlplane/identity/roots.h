#pragma once
// The roots of the mesh: which are trusted now, and which one issues. A new root is trusted at once and
// issues only when `lead` has passed, so that everybody knows it before the first certificate of it is shown;
// the one before stays trusted until the last certificate it issued has ended. Pure: time and keys come in.
// Not thread safe.

#include <optional>
#include <string>
#include <vector>

#include "common/time/time.h"
#include "common/x509/certificate.h"

namespace weft::identity {

struct Spans {
  Duration leaf = std::chrono::hours(24);
  Duration root = std::chrono::hours(24 * 365);  // of an own root
  Duration lead = std::chrono::hours(1);

  // Clocks of agents may be so much behind ours, and ours ahead: certificates begin that much earlier, and
  // what is trusted stays that much longer.
  Duration Skew() const { return std::min<Duration>(std::chrono::minutes(10), leaf / 8); }
};

struct Root {
  std::string pem;      // the trust anchor, which signed itself
  std::string issuer;   // PEM of the certificate that issues; of an own root the same
  std::string between;  // PEM of what leads from the issuer to the root, the issuer included; own root: empty
  std::string key;      // PEM of the issuer's key; empty: it issues no more
  std::string fingerprint;           // of `issuer`
  WallTime not_after;                // of the issuer
  WallTime made;                     // when it began to be trusted
  WallTime issues_from;              // may be ahead
  std::optional<WallTime> distrust;  // when it leaves; none: it is the newest
  bool external = false;             // its key is in a file of somebody else's: never written
};

class Roots {
 public:
  explicit Roots(const Spans& spans, std::vector<Root> kept = {}) : spans_(spans), all_(std::move(kept)) {}

  // The first one issues at once, a later one after the lead. kConflict while one waits to issue.
  Status Add(Root root, WallTime now);
  // The key of a root that is there already, which was not kept; false: there is none of this fingerprint.
  bool GiveKey(const std::string& fingerprint, const std::string& key);
  // Moves on with the time: retires, forgets. True when something changed that has to be kept.
  bool Advance(WallTime now);

  const Root* Issuer(WallTime now) const;                // null: none has a key
  const Root* Serving(WallTime now) const;               // the one that is trusted longest, and by the most
  bool NeedsSuccessor(WallTime now) const;               // an own root has spent three quarters of its life
  bool Waiting(WallTime now) const;                      // a root waits to issue
  std::string Bundle() const;                            // PEM of all that are trusted
  const std::vector<Root>& all() const { return all_; }  // oldest first

 private:
  Spans spans_;
  std::vector<Root> all_;
};

// A new own root, whose key is in it.
Result<Root> MakeOwnRoot(const std::string& trust_domain, const Spans& spans, WallTime now);
// An issuing certificate with what leads to its root, and its key, as read from files. The error says which
// part does not fit.
Result<Root> ReadExternalRoot(const std::string& chain, const std::string& key, WallTime now);

}  // namespace weft::identity
