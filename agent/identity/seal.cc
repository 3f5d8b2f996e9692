#include "agent/identity/seal.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <array>

#include "agent/identity/revoked.h"
#include "common/file/file.h"
#include "common/x509/certificate.h"
#include "weft/v1/cache.pb.h"

namespace weft::identity {
namespace {

constexpr std::string_view kMagic = "WEFTSID1";
constexpr std::string_view kPurpose = "weft identity cache 1";
constexpr std::size_t kSalt = 16, kNonce = 12, kTag = 16;
constexpr std::size_t kHeader = 8 + kSalt + kNonce;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;
using KeyBytes = std::array<unsigned char, 32>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
int Size(std::string_view text) { return static_cast<int>(text.size()); }

bool Derive(std::string_view secret, std::string_view salt, KeyBytes& key) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr), EVP_PKEY_CTX_free);
  std::size_t size = key.size();
  return context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
         EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set1_hkdf_salt(context.get(), Bytes(salt), Size(salt)) == 1 &&
         EVP_PKEY_CTX_set1_hkdf_key(context.get(), Bytes(secret), Size(secret)) == 1 &&
         EVP_PKEY_CTX_add1_hkdf_info(context.get(), Bytes(kPurpose), Size(kPurpose)) == 1 &&
         EVP_PKEY_derive(context.get(), key.data(), &size) == 1;
}

Error Broken() { return {ErrorKind::kInternal, "the identity cannot be encrypted", {}, {}}; }

Error Damaged(std::string why) { return Invalid(std::move(why) + "; it is ignored and will be replaced"); }

Result<Material> FromMessage(const v1::CachedIdentity& message) {
  const auto leaf = x509::Read(message.chain_pem());
  const auto key = x509::Key::FromPem(message.key_pem());
  if (!leaf || !key || !x509::CheckPair(message.chain_pem(), *key) || leaf->uri != message.uri() ||
      !x509::Split(message.roots_pem()))
    return Damaged("holds no identity that can be used");
  return Material{message.uri(),    message.chain_pem(), message.key_pem(), message.roots_pem(),
                  leaf->not_before, leaf->not_after,     leaf->not_after,   FromProto(message.revoked())};
}

}  // namespace

Result<std::string> Seal(const Material& material, std::string_view secret) {
  const auto random = x509::RandomBytes(kSalt + kNonce);
  if (!random) return random.error();
  v1::CachedIdentity message;
  message.set_uri(material.uri);
  message.set_chain_pem(material.chain);
  message.set_key_pem(material.key);
  message.set_roots_pem(material.roots);
  ToProto(material.revoked, *message.mutable_revoked());
  const std::string plain = message.SerializeAsString();
  std::string out = std::string(kMagic) + *random;
  const std::string header = out;
  out.resize(kHeader + plain.size() + kTag);
  KeyBytes key{};
  if (!Derive(secret, std::string_view(header).substr(kMagic.size(), kSalt), key)) return Broken();
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int n = 0;
  const bool done =
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                         Bytes(std::string_view(header).substr(kMagic.size() + kSalt))) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &n, Bytes(std::string_view(header)), Size(header)) == 1 &&
      EVP_EncryptUpdate(cipher.get(), Bytes(out) + kHeader, &n, Bytes(std::string_view(plain)),
                        Size(plain)) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), Bytes(out) + kHeader + n, &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag, Bytes(out) + kHeader + plain.size()) == 1;
  if (!done) return Broken();
  return out;
}

Result<Material> Unseal(std::string_view bytes, std::string_view secret) {
  if (bytes.size() < kHeader + kTag) return Damaged("is cut short");
  if (!bytes.starts_with(kMagic)) return Damaged("is no identity of this version of weft-agent");
  const std::string_view header = bytes.substr(0, kHeader);
  const std::string_view sealed = bytes.substr(kHeader, bytes.size() - kHeader - kTag);
  std::string tag(bytes.substr(bytes.size() - kTag));
  std::string plain(sealed.size(), '\0');
  KeyBytes key{};
  if (!Derive(secret, header.substr(kMagic.size(), kSalt), key)) return Broken();
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int n = 0;
  const bool done = EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                                       Bytes(header.substr(kMagic.size() + kSalt))) == 1 &&
                    EVP_DecryptUpdate(cipher.get(), nullptr, &n, Bytes(header), Size(header)) == 1 &&
                    EVP_DecryptUpdate(cipher.get(), Bytes(plain), &n, Bytes(sealed), Size(sealed)) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, Bytes(tag)) == 1 &&
                    EVP_DecryptFinal_ex(cipher.get(), Bytes(plain) + n, &n) == 1;
  if (!done)
    return Error{
        ErrorKind::kForbidden,
        "was encrypted with another identity.cacheKeyFile, or was changed; it is ignored and will be "
        "replaced",
        {},
        {}};
  v1::CachedIdentity message;
  if (!message.ParseFromString(plain)) return Damaged("does not decode");
  return FromMessage(message);
}

Result<std::string> ReadSecret(const std::string& path) {
  const auto bytes = file::Read(path, kMostSecret);
  const std::string remedy = "; make one: head -c 32 /dev/urandom > FILE; chmod 600 FILE";
  if (!bytes) return Invalid(bytes.error().detail + remedy, "identity.cacheKeyFile", path);
  if (bytes->size() < kLeastSecret)
    return Invalid("holds less than 32 bytes" + remedy, "identity.cacheKeyFile", path);
  return bytes;
}

}  // namespace weft::identity
