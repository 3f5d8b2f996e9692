#pragma once
// How weftctl's requests travel: HTTP/1.1, one connection per call, TLS with https.

#include <string>

#include "controlplane/ctl/client.h"

namespace weft::ctl {

// `server` is HOST:PORT, http://HOST:PORT or https://HOST:PORT.
Result<Send> DialHttp(const std::string& server, const Login& login);

}  // namespace weft::ctl
