#pragma once
// A private key, or the public half of one: elliptic, P-256. Thread rule: immutable; any thread.

#include <memory>
#include <string>
#include <string_view>

#include "common/result/result.h"

struct evp_pkey_st;

namespace weft::x509 {

class Key {
 public:
  static Result<Key> Generate();
  static Result<Key> FromPem(std::string_view pem);  // a private key; not encrypted
  explicit Key(std::shared_ptr<evp_pkey_st> handle) : handle_(std::move(handle)) {}

  std::string Pem() const;  // PKCS#8, not encrypted: mind where it goes
  evp_pkey_st* get() const { return handle_.get(); }

 private:
  std::shared_ptr<evp_pkey_st> handle_;
};

// So many bytes from the library's generator, for secrets.
Result<std::string> RandomBytes(std::size_t count);
std::string Hex(std::string_view bytes);  // lower case

}  // namespace weft::x509
