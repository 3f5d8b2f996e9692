#pragma once
// Where the library meets us: it reads from memory and writes to memory, and hands over the sessions that
// servers offer. For this folder's .cc files only.

#include <openssl/ssl.h>

#include <string>
#include <string_view>

namespace weft::tls {

// What the library reads and where it writes, during one call.
struct Pipe {
  std::string_view in;
  std::string* out = nullptr;
};
BIO* NewPipe(Pipe& pipe);  // `pipe` outlives it

int KeepSession(SSL* ssl, SSL_SESSION* session);  // secured.cc

}  // namespace weft::tls
