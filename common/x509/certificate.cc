#include "common/x509/certificate.h"

#include <ctime>

#include "common/x509/openssl.h"

namespace weft::x509 {
namespace {

using StorePtr = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;

std::string Fingerprint(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &size);
  return Hex({reinterpret_cast<const char*>(digest.data()), size});
}

Result<std::vector<CertificatePtr>> ReadAll(std::string_view pem) {
  const BioPtr bio = Reading(pem);
  std::vector<CertificatePtr> all;
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) all.emplace_back(one);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (all.empty() || !at_end) return Failed("holds no certificate in PEM that can be read");
  ERR_clear_error();
  return all;
}

std::string PemOf(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return Written(bio.get());
}

}  // namespace

WallTime TimeOf(const ASN1_TIME* at) {
  std::tm parts{};
  if (at == nullptr || ASN1_TIME_to_tm(at, &parts) != 1) return {};
  constexpr std::int64_t kLast = 8'000'000'000;  // 2223: nanoseconds count no further than 2262
  return WallTime(std::chrono::seconds(std::clamp<std::int64_t>(timegm(&parts), -kLast, kLast)));
}

std::string SerialText(const ASN1_INTEGER* serial) {
  BIGNUM* const number = ASN1_INTEGER_to_BN(serial, nullptr);
  if (number == nullptr) return {};
  std::string bytes(static_cast<std::size_t>(std::max(1, BN_num_bytes(number))), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  BN_free(number);
  return Hex(bytes);
}

std::string OnlyUri(const GENERAL_NAMES* names) {
  std::string uri;
  int count = 0;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    uri = TextOf(name->d.uniformResourceIdentifier);
    ++count;
  }
  return count == 1 ? uri : std::string();
}

std::string CommonNameOf(const X509_NAME* subject) {
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  return at < 0 ? std::string() : TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

Result<Certificate> Read(std::string_view pem) {
  const auto all = ReadAll(pem);
  if (!all) return all.error();
  return Read(all->front().get());
}

Certificate Read(x509_st* one) {
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(one, NID_subject_alt_name, nullptr, nullptr)));
  Certificate out;
  out.uri = OnlyUri(names.get());
  out.common_name = CommonNameOf(X509_get_subject_name(one));
  out.fingerprint = Fingerprint(one);
  out.serial = SerialText(X509_get0_serialNumber(one));
  out.not_before = TimeOf(X509_get0_notBefore(one));
  out.not_after = TimeOf(X509_get0_notAfter(one));
  out.is_ca = X509_check_ca(one) == 1;
  return out;
}

Result<std::vector<std::string>> Split(std::string_view pem) {
  const auto all = ReadAll(pem);
  if (!all) return all.error();
  std::vector<std::string> out;
  for (const CertificatePtr& one : *all) out.push_back(PemOf(one.get()));
  return out;
}

Status CheckPair(std::string_view pem, const Key& key) {
  const auto all = ReadAll(pem);
  if (!all) return all.error();
  if (X509_check_private_key(all->front().get(), key.get()) == 1) return {};
  return Failed("the private key is not that of the certificate");
}

Status Verify(std::string_view chain, std::string_view roots, WallTime now) {
  const auto shown = ReadAll(chain);
  const auto trusted = ReadAll(roots);
  if (!shown) return shown.error();
  if (!trusted) return trusted.error();
  const StorePtr store(X509_STORE_new());
  for (const CertificatePtr& root : *trusted) X509_STORE_add_cert(store.get(), root.get());
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> between(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (std::size_t i = 1; i < shown->size(); ++i) sk_X509_push(between.get(), (*shown)[i].get());
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store.get(), shown->front().get(), between.get()) != 1)
    return Failed("cannot be verified");
  X509_STORE_CTX_set_time(context.get(), 0,
                          std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  if (X509_verify_cert(context.get()) == 1) return {};
  ERR_clear_error();
  return Error{
      ErrorKind::kForbidden, X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())), {}, {}};
}

}  // namespace weft::x509
