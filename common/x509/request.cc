#include "common/x509/request.h"

#include "common/x509/openssl.h"

namespace weft::x509 {
namespace {

using ExtensionsPtr = std::unique_ptr<STACK_OF(X509_EXTENSION), void (*)(STACK_OF(X509_EXTENSION)*)>;

ExtensionsPtr Owned(STACK_OF(X509_EXTENSION) * extensions) {
  return {extensions,
          [](STACK_OF(X509_EXTENSION) * all) { sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free); }};
}

Status AddUri(X509_REQ* request, const std::string& uri) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size()));
  GENERAL_NAME_set0_value(name, GEN_URI, text);
  const NamesPtr names(GENERAL_NAMES_new());
  sk_GENERAL_NAME_push(names.get(), name);
  const ExtensionsPtr extensions = Owned(sk_X509_EXTENSION_new_null());
  STACK_OF(X509_EXTENSION)* list = extensions.get();
  if (X509V3_add1_i2d(&list, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1 ||
      X509_REQ_add_extensions(request, list) != 1)
    return Failed("a request cannot have this name");
  return {};
}

std::string NonceOf(X509_REQ* request) {
  const int at = X509_REQ_get_attr_by_NID(request, NID_pkcs9_challengePassword, -1);
  if (at < 0) return {};
  const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(X509_REQ_get_attr(request, at), 0);
  if (value == nullptr || (value->type != V_ASN1_UTF8STRING && value->type != V_ASN1_PRINTABLESTRING))
    return {};
  return TextOf(value->value.asn1_string);
}

Result<std::string> UriOf(X509_REQ* request) {
  const ExtensionsPtr extensions = Owned(X509_REQ_get_extensions(request));
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
  std::string uri = OnlyUri(names.get());
  if (uri.empty() || sk_GENERAL_NAME_num(names.get()) != 1)
    return Invalid("a certificate request asks for one URI and no other name");
  return uri;
}

}  // namespace

Result<std::string> MakeRequest(const Key& key, const std::string& uri, const std::string& nonce) {
  const RequestPtr request(X509_REQ_new());
  X509_REQ_set_version(request.get(), X509_REQ_VERSION_1);
  if (X509_REQ_set_pubkey(request.get(), key.get()) != 1) return Failed("the key cannot be certified");
  if (auto ok = AddUri(request.get(), uri); !ok) return ok.error();
  if (X509_REQ_add1_attr_by_NID(request.get(), NID_pkcs9_challengePassword, V_ASN1_UTF8STRING,
                                reinterpret_cast<const unsigned char*>(nonce.data()),
                                static_cast<int>(nonce.size())) != 1)
    return Failed("a request cannot carry this nonce");
  if (X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) return Failed("the key cannot sign");
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  if (size < 0) return Failed("the request cannot be written");
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

Result<Request> ReadRequest(std::string_view der) {
  if (der.size() > kMaxRequestBytes) return Invalid("a certificate request has at most 4096 bytes");
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const RequestPtr request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  const bool whole = at == reinterpret_cast<const unsigned char*>(der.data()) + der.size();
  if (request == nullptr || !whole) return Failed("is no certificate request (PKCS#10, DER)");
  auto key = Own(X509_REQ_get_pubkey(request.get()));
  if (!IsP256(key.get())) return Failed("a certificate request has a key of P-256");
  if (X509_REQ_verify(request.get(), key.get()) != 1)
    return Failed("the certificate request is not signed with the key it asks for");
  auto uri = UriOf(request.get());
  ERR_clear_error();
  if (!uri) return uri.error();
  return Request{std::move(*uri), NonceOf(request.get()), Key(std::move(key))};
}

}  // namespace weft::x509
