#pragma once
// TLS of the listeners: certificate files checked at the start, read again when they change.

#include <memory>

#include "common/http/tls/context.h"
#include "controlplane/app/settings.h"

namespace grpc {
class ServerCredentials;
}

namespace weft::control {

// Of both listeners; null: plain text. The error names the setting or the file, and what to do.
Result<std::shared_ptr<http::tls::Identity>> ReadIdentity(const Settings& settings);

// Plain text without tlsCert. Changed files are taken up within five seconds; ones that do not fit each other
// are not.
std::shared_ptr<grpc::ServerCredentials> GrpcCredentials(const Settings& settings);

// What is readable by others than its owner and should not be: the private key, the token file.
std::vector<std::string> ExposedSecrets(const Settings& settings);

}  // namespace weft::control
