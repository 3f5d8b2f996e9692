#include "common/x509/key.h"

#include <openssl/rand.h>

#include "common/x509/openssl.h"

namespace weft::x509 {

bool IsP256(EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::size_t size = 0;
  return key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

Result<Key> Key::Generate() {
  auto key = Own(EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed("a key cannot be made");
  return Key(std::move(key));
}

Result<Key> Key::FromPem(std::string_view pem) {
  const BioPtr bio = Reading(pem);
  // Never asks a terminal for a password.
  const auto none = [](char*, int, int, void*) { return -1; };
  auto key = Own(PEM_read_bio_PrivateKey(bio.get(), nullptr, none, nullptr));
  if (key == nullptr) return Failed("is no private key in PEM that has no password");
  ERR_clear_error();
  return Key(std::move(key));
}

std::string Key::Pem() const {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) return {};
  return Written(bio.get());
}

Result<std::string> RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
    return Failed("there is no randomness");
  return bytes;
}

std::string Hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4U]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15U]);
  }
  return out;
}

}  // namespace weft::x509
