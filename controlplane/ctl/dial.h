#pragma once
// How weftctl's requests travel: HTTP/1.1, one connection per call.

#include <string>

#include "controlplane/ctl/client.h"

namespace weft::ctl {

// `server` is HOST:PORT or http://HOST:PORT; an empty token sends none.
Result<Send> DialHttp(const std::string& server, const std::string& token);

}  // namespace weft::ctl
