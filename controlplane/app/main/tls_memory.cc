// gRPC makes its TLS contexts itself and has no setting for these. The linker's --wrap
// (controlplane/folders.cmake) puts this function in the place of OpenSSL's: connections that are idle give
// their two record buffers back (33 KiB each), and no session tickets are made, which agents never use: each
// costs a tenth of a millisecond and memory.
#include <openssl/ssl.h>

extern "C" SSL_CTX* __real_SSL_CTX_new(const SSL_METHOD* method);  // NOLINT: the linker's name
extern "C" SSL_CTX* __wrap_SSL_CTX_new(const SSL_METHOD* method);  // NOLINT

extern "C" SSL_CTX* __wrap_SSL_CTX_new(const SSL_METHOD* method) {  // NOLINT
  SSL_CTX* const context = __real_SSL_CTX_new(method);
  if (context == nullptr) return context;
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return context;
}
