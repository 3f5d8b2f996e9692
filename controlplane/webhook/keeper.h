#pragma once
// Keeps the webhook's certificate in a Secret, which is created if absent, so that replicas and restarts have
// the same one, and the CA in the caBundle of the webhook configuration. Thread rule: Turn blocks on the API
// server and is called by one thread at a time; Now by any.

#include <memory>
#include <mutex>

#include "common/http/tls/context.h"
#include "controlplane/kube/client.h"
#include "controlplane/webhook/certificates.h"

namespace weft::webhook {

struct KeeperOptions {
  std::string ns = "weft-system";
  std::string secret = "weft-webhook";
  std::string configuration = "weft-inject";  // MutatingWebhookConfiguration
  std::string validating = "weft-validate";   // ValidatingWebhookConfiguration; need not be there
  std::vector<std::string> names;             // of the certificate
  Spans spans = {};
};

class Keeper {
 public:
  Keeper(const kube::Client& client, KeeperOptions options) : client_(client), options_(std::move(options)) {}

  // Looks after all of it once. An error: some of it could not be done; what was good stays.
  Status Turn(WallTime now);
  // What to serve with; null: there has been no good turn.
  std::shared_ptr<const http::tls::Pem> Now() const;

 private:
  Result<Material> Load(WallTime now);
  Status Save(const Material& material, const kube::Json& before) const;
  Status TellApiServer(const std::string& ca) const;
  Status TellOne(const std::string& name, const std::string& ca) const;

  const kube::Client& client_;
  const KeeperOptions options_;
  mutable std::mutex mutex_;  // guards now_
  std::shared_ptr<const http::tls::Pem> now_;
};

}  // namespace weft::webhook
