#pragma once
// The CA of the mesh as the rest of the control plane uses it: checks certificate requests and answers them,
// keeps roots and join tokens with its state on disk, and has a certificate for the control plane's own
// listeners. What was answered is on disk. Thread rule: any thread; one lock.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "common/x509/request.h"
#include "controlplane/events/events.h"
#include "controlplane/identity/state.h"

namespace weft::identity {

struct Settings {
  std::string folder;           // made with mode 0700; has state.json and roots.pem
  std::string ca_cert, ca_key;  // PEM files of a CA elsewhere, watched; both or none: an own root
  std::string trust_domain;
  Spans spans;
  std::vector<std::string> dns, ips;  // names of the control plane's own certificate
};

// Who asks for a certificate, as it was authenticated.
struct Applicant {
  std::string ns, service;  // its own; empty service: it has none and gets no certificate
  std::string join;         // id of the join token it showed; empty: it showed a certificate
  std::string node;         // for events
  auth::Shown shown = {};   // the certificate it showed
};

struct Issued {
  std::string chain;  // PEM, the leaf first
  auth::Shown shown;  // what that leaf says
};

// The control plane's own.
struct Serving {
  std::string chain, key;  // PEM
  std::string roots;       // PEM bundle that clients are verified by
  WallTime renew_at;
};

struct Counts {                // since the start, for metrics
  std::uint64_t joins = 0;     // certificates issued for a join token
  std::uint64_t renewals = 0;  // certificates issued for another one
  std::uint64_t refused = 0;   // requests for certificates
  std::uint64_t refused_tokens = 0;
  std::uint64_t rotations = 0;   // roots made or taken up after the first
  std::uint64_t failures = 0;    // of writing the state, of reading the CA's files
  std::size_t valid_tokens = 0;  // now
  std::size_t roots = 0;         // trusted now
  std::size_t revocations = 0;   // in force now
  WallTime issuer_ends;          // zero: there is none
};

struct RootLook {
  std::string fingerprint, state;  // waiting, issuing, trusted
  WallTime not_after, issues_from;
  std::optional<WallTime> distrust;
  bool external = false;
};

class Authority {
 public:
  // Makes the first root, or takes the external one. Errors name the file and what to do.
  static Result<std::unique_ptr<Authority>> Open(Settings settings, WallTime now);
  // Joins, refusals and changes of roots, from now on. Once, before other threads use it.
  void TellTo(events::Book* events) { events_ = events; }

  // The request must carry `nonce`, be for the applicant's own SPIFFE id, and be signed by its key.
  Result<Issued> Issue(const Applicant& applicant, std::string_view request, std::string_view nonce,
                       WallTime now);

  Result<MadeToken> MakeToken(const TokenRequest& request, WallTime now);
  Status RevokeToken(const std::string& id, WallTime now);
  std::vector<Token> ListTokens() const;
  Result<Token> CheckToken(std::string_view text, WallTime now);

  // Revokes a certificate, or all of an id of this mesh with the join tokens of its service. What the caller
  // of CheckShown had let in before, he looks at again: see `revoked`.
  Result<Revocation> Revoke(const RevocationRequest& request, WallTime now);
  Status TakeBack(const std::string& revocation);  // by its id; tokens stay ended
  std::vector<Revocation> ListRevocations() const;
  Status CheckShown(const auth::Shown& shown) const;  // kUnauthenticated; costs next to nothing without any
  std::uint64_t revoked() const { return revoked_; }  // since the start; another value: somebody may be out

  // Adds an own root; kConflict while one waits, kInvalid when the CA is external.
  Status Rotate(WallTime now);
  // Moves roots on, takes up changed CA files, forgets old tokens. Call it every half second or so.
  void Tick(WallTime now);
  // Counts changes of what is trusted and of what is revoked, from 1; another value: tell everybody.
  std::uint64_t generation() const;
  std::string Bundle() const;
  std::vector<RootLook> ListRoots(WallTime now) const;
  std::shared_ptr<const Serving> Serve(WallTime now);  // made anew at two thirds of its life

  const Settings& settings() const { return settings_; }
  Counts counts(WallTime now) const;

 private:
  Authority(Settings settings, State state);
  Status Save();
  Status CountUse(const std::string& join, WallTime now);
  WallTime BeginOf(WallTime now) const;  // of certificates issued now
  Status TakeExternal(WallTime now);
  Status AddRoot(Root root, WallTime now);
  void TellRoots(const std::string& what);
  Result<std::string> Check(const Applicant& applicant, const x509::Request& request,
                            std::string_view nonce) const;
  Result<Issued> Sign(const Root& root, const x509::Key& owner, x509::Subject subject, WallTime now) const;
  Result<Issued> Answer(const Applicant& applicant, std::string_view request, std::string_view nonce,
                        WallTime now);
  Result<std::shared_ptr<const Serving>> MakeServing(WallTime now) const;

  const Settings settings_;
  events::Book* events_ = nullptr;
  mutable std::mutex mutex_;  // guards all below
  Roots roots_;
  Tokens tokens_;
  Revocations revocations_;
  std::string stamp_;  // of the external CA's files
  bool unsaved_ = false;
  std::uint64_t generation_ = 1;
  std::shared_ptr<const Serving> serving_;
  Counts counts_;
  std::atomic<std::size_t> revocations_now_{0};  // written under the mutex
  std::atomic<std::uint64_t> revoked_{0};
};

// "spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICE", the form that auth::ParseSpiffe reads.
std::string SpiffeOf(const std::string& trust_domain, const std::string& ns, const std::string& service);

}  // namespace weft::identity
