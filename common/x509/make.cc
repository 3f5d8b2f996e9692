// Making certificates.
#include "common/x509/certificate.h"
#include "common/x509/openssl.h"

namespace weft::x509 {
namespace {

constexpr std::size_t kSerialBytes = 16;  // RFC 5280 4.1.2.2: unique, positive, 20 at most

void SetTime(ASN1_TIME* field, WallTime at) {
  ASN1_TIME_set(field, std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
}

Status SetSerial(X509* certificate) {
  auto bytes = RandomBytes(kSerialBytes);
  if (!bytes) return bytes.error();
  (*bytes)[0] = static_cast<char>(((*bytes)[0] & 0x7f) | 0x40);
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->data()),
                             static_cast<int>(bytes->size()), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  return {};
}

void SetCommonName(X509_NAME* name, const std::string& text) {
  X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(text.data()),
                             static_cast<int>(text.size()), -1, 0);
}

Status AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1)
    return Failed("a certificate cannot say " + std::string(value));
  return {};
}

// By values, not by a text in which a comma would begin another name.
void PushText(GENERAL_NAMES* names, int type, const std::string& text) {
  ASN1_IA5STRING* value = ASN1_IA5STRING_new();
  ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
  GENERAL_NAME* name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, type, value);
  sk_GENERAL_NAME_push(names, name);
}

Status AddNames(X509* certificate, const Subject& subject) {
  const NamesPtr names(GENERAL_NAMES_new());
  if (!subject.uri.empty()) PushText(names.get(), GEN_URI, subject.uri);
  for (const std::string& name : subject.dns) PushText(names.get(), GEN_DNS, name);
  for (const std::string& text : subject.ips) {
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(text.c_str());
    if (address == nullptr) return Failed("'" + text + "' is no IP address");
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, address);
    sk_GENERAL_NAME_push(names.get(), name);
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) return {};
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1)
    return Failed("a certificate cannot have these names");
  return {};
}

Result<CertificatePtr> Begin(const Subject& subject, const Key& owner) {
  CertificatePtr made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  if (auto ok = SetSerial(made.get()); !ok) return ok.error();
  SetTime(X509_getm_notBefore(made.get()), subject.not_before);
  SetTime(X509_getm_notAfter(made.get()), subject.not_after);
  SetCommonName(X509_get_subject_name(made.get()), subject.common_name);
  if (X509_set_pubkey(made.get(), owner.get()) != 1) return Failed("the public key cannot be certified");
  return made;
}

Result<std::string> Sign(X509* made, X509* issuer, const Key& key,
                         std::span<const std::pair<int, const char*>> says, const Subject& subject) {
  for (const auto& [nid, value] : says) {
    if (auto ok = AddExtension(made, issuer, nid, value); !ok) return ok.error();
  }
  if (auto ok = AddNames(made, subject); !ok) return ok.error();
  if (X509_sign(made, key.get(), EVP_sha256()) == 0) return Failed("the CA's key cannot sign");
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), made);
  return Written(bio.get());
}

}  // namespace

Result<std::string> MakeRoot(const Key& key, const Subject& subject) {
  const auto made = Begin(subject, key);
  if (!made) return made.error();
  X509_set_issuer_name(made->get(), X509_get_subject_name(made->get()));
  static constexpr std::array<std::pair<int, const char*>, 3> kSays = {
      {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
       {NID_key_usage, "critical,keyCertSign,cRLSign"},
       {NID_subject_key_identifier, "hash"}}};
  return Sign(made->get(), made->get(), key, kSays, subject);
}

Result<std::string> MakeLeaf(std::string_view ca_pem, const Key& ca_key, const Key& owner,
                             const Subject& subject) {
  const BioPtr bio = Reading(ca_pem);
  const CertificatePtr issuer(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (issuer == nullptr) return Failed("the CA's certificate cannot be read");
  const auto made = Begin(subject, owner);
  if (!made) return made.error();
  X509_set_issuer_name(made->get(), X509_get_subject_name(issuer.get()));
  static constexpr std::array<std::pair<int, const char*>, 5> kSays = {
      {{NID_basic_constraints, "critical,CA:FALSE"},
       {NID_key_usage, "critical,digitalSignature"},
       {NID_ext_key_usage, "serverAuth,clientAuth"},
       {NID_subject_key_identifier, "hash"},
       {NID_authority_key_identifier, "keyid"}}};
  return Sign(made->get(), issuer.get(), ca_key, kSays, subject);
}

}  // namespace weft::x509
