#pragma once
// Obtains this agent's identity over its control stream and keeps it fresh: a new key and a request at two
// thirds of the certificate's life, give or take a tenth of it, so that agents do not come together. A state
// machine: the stream is in agent/config, time in Cold. Thread rule: the cold thread, but for source().Now().
//
//   no identity -> the stream is opened with the join token -> offer -> request -> certificate -> `joined`
//   identity    -> the stream is opened with it -> offer -> (when due) request -> certificate
//
// What is refused leaves what is held; it is asked for again after a while. Timing goes by the issuer's word
// of how long a certificate lives, so a wrong clock of ours does not matter while we run.

#include <functional>
#include <string>

#include "agent/cold/cold.h"
#include "agent/identity/identity.h"
#include "common/random/random.h"
#include "common/result/result.h"
#include "common/x509/key.h"

namespace weft::identity {

struct KeeperOptions {
  std::string ns, service;
  std::string join_token;       // empty: see the file
  std::string join_token_file;  // read on each attempt; empty too: an identity must be cached
  std::string cache_path;       // of the sealed identity; empty: none is kept
  std::string secret;           // that it is sealed with (seal.h)
  std::uint64_t seed = 0;       // of the jitter; differs from agent to agent
};

struct KeeperHooks {
  std::function<void(std::string csr)> send;  // on the stream that the offer came by
  std::function<void()> joined;               // begin the stream anew, now with the certificate
  std::function<void(bool problem, const std::string& text)> log;
};

struct KeeperStatus {                                         // for metrics and /config
  std::uint64_t issued = 0, refused = 0, cache_failures = 0;  // since the start
  std::string last_refusal;
};

struct Offer {
  std::string trust_domain, roots, nonce;
  x509::RevokedPtr revoked = {};  // null: nothing
};

struct Answer {
  std::string chain;
  Duration lifetime{};  // from now
  std::string refused;  // not empty: why
};

class Keeper {
 public:
  Keeper(cold::Cold& cold, KeeperOptions options);
  ~Keeper();

  void Start(KeeperHooks hooks);  // what is cached counts from now on
  // What a stream is opened with: a join token, or nothing, as the certificate is shown. The error: neither.
  Result<std::string> JoinToken() const;
  bool Holds() const;  // a certificate that is good now

  void OnOffer(const Offer& offer);
  void OnAnswer(const Answer& answer);
  void OnStreamDown();

  Source& source() { return holder_; }
  const KeeperStatus& status() const { return status_; }

 private:
  void LoadCache();
  void SaveCache();
  void TrustAsOffered();
  void Ask();
  void Adopt(MaterialPtr material, Duration lifetime);
  Result<MaterialPtr> Check(const Answer& answer) const;
  void RenewAfter(Duration span);
  void Refused(const std::string& why);

  cold::Cold& cold_;
  const KeeperOptions options_;
  KeeperHooks hooks_;
  Rng rng_;
  Holder holder_;
  KeeperStatus status_;
  Offer offer_;                     // of the stream of now; an empty nonce: none, or used
  std::optional<x509::Key> asked_;  // the key of the request under way
  std::string asked_for_;           // its SPIFFE id
  bool due_ = true;
  WallTime due_at_{};        // also by the wall clock, which goes on while the machine sleeps
  std::uint64_t timer_ = 0;  // only the newest counts
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weft::identity
