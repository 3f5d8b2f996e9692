// RFC 5280 4.1: Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber, signature,
// issuer, validity SEQUENCE { notBefore, notAfter }, …
#include "common/x509/certificate.h"
#include "common/x509/openssl.h"

namespace weft::x509 {
namespace {

using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Freer<ASN1_INTEGER_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>>;

// What is left of a piece of DER.
class Der {
 public:
  explicit Der(std::string_view bytes)
      : at_(reinterpret_cast<const unsigned char*>(bytes.data())), end_(at_ + bytes.size()) {}

  // Goes into a SEQUENCE; false: there is none.
  bool Enter() {
    const unsigned char* inside = at_;
    long size = 0;
    int tag = 0, kind = 0;
    if ((ASN1_get_object(&inside, &size, &tag, &kind, end_ - at_) & 0x80) != 0 || tag != V_ASN1_SEQUENCE)
      return false;
    at_ = inside;
    end_ = inside + size;
    return true;
  }
  // Over one element; `only` has that number in the context's own class.
  bool Skip(int only = -1) {
    const unsigned char* inside = at_;
    long size = 0;
    int tag = 0, kind = 0;
    if ((ASN1_get_object(&inside, &size, &tag, &kind, end_ - at_) & 0x80) != 0) return false;
    if (only >= 0 && (kind != V_ASN1_CONTEXT_SPECIFIC || tag != only)) return true;
    at_ = inside + size;
    return true;
  }
  IntegerPtr Integer() { return IntegerPtr(d2i_ASN1_INTEGER(nullptr, &at_, end_ - at_)); }
  TimePtr Time() { return TimePtr(d2i_ASN1_TIME(nullptr, &at_, end_ - at_)); }

 private:
  const unsigned char *at_, *end_;
};

Result<Brief> OfDer(std::string_view bytes) {
  Der der(bytes);
  const auto unreadable = [] { return Failed("is no certificate that can be read"); };
  if (!der.Enter() || !der.Enter() || !der.Skip(0)) return unreadable();
  const IntegerPtr serial = der.Integer();
  if (serial == nullptr || !der.Skip() || !der.Skip() || !der.Enter()) return unreadable();
  const TimePtr from = der.Time(), until = der.Time();
  if (from == nullptr || until == nullptr) return unreadable();
  return Brief{SerialText(serial.get()), TimeOf(from.get()), TimeOf(until.get())};
}

}  // namespace

Result<Brief> ReadBrief(std::string_view pem) {
  const BioPtr bio = Reading(pem);
  char *name = nullptr, *header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1)
    return Failed("holds no certificate in PEM that can be read");
  Result<Brief> out = OfDer({reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)});
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(data);
  return out;
}

}  // namespace weft::x509
