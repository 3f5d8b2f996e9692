#pragma once
// TLS of the listeners: their certificate and what clients are verified by, from files, from the mesh's own
// CA, or both. Checked at the start, taken up when they change.

#include <memory>

#include "common/http/tls/context.h"
#include "controlplane/app/settings.h"
#include "controlplane/identity/authority.h"

namespace grpc {
class ServerCredentials;
}

namespace weft::control {

// Whether the settings go together; the error names the setting and what to do.
Status CheckTls(const Settings& settings);
bool SpeaksTls(const Settings& settings);  // else plain text

// The mesh's CA with its state in the data folder; null: none is configured.
Result<std::unique_ptr<identity::Authority>> OpenAuthority(const Settings& settings, WallTime now);

// What both listeners show and trust now. With `ca`: tlsCert, else a certificate of the CA; clients are
// verified by clientCa and by the CA's roots. Thread rule: any thread.
class Listening {
 public:
  Listening(const Settings& settings, identity::Authority* ca) : settings_(settings), ca_(ca) {}

  // Another object when something changed; null: nothing can be shown (the error of the files was told).
  std::shared_ptr<const http::tls::Pem> Now();

 private:
  std::string StampNow() const;
  Result<http::tls::Pem> Gather(const std::shared_ptr<const identity::Serving>& serving) const;

  const Settings settings_;
  identity::Authority* const ca_;
  std::mutex mutex_;  // guards the rest
  std::shared_ptr<const http::tls::Pem> now_;
  std::shared_ptr<const identity::Serving> serving_;
  std::string stamp_;
};

// Of REST; null: plain text. Without a CA the files are read, else `listening` is asked.
Result<std::shared_ptr<http::tls::Identity>> RestIdentity(const Settings& settings,
                                                          const std::shared_ptr<Listening>& listening);
// Of gRPC; likewise. Changed files are taken up within five seconds without a CA, with one at the next
// connection.
std::shared_ptr<grpc::ServerCredentials> GrpcCredentials(const Settings& settings,
                                                         const std::shared_ptr<Listening>& listening);

// Private keys and the token file are for their owner alone to read; with `allowExposedSecrets` others are
// warned of.
Status CheckSecrets(const Settings& settings);

}  // namespace weft::control
