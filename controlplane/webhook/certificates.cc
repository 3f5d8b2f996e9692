#include "controlplane/webhook/certificates.h"

#include "common/x509/certificate.h"

namespace weft::webhook {
namespace {

constexpr Duration kBackdate = std::chrono::minutes(5);  // for clocks that are behind

bool IsFresh(const Result<x509::Certificate>& certificate, WallTime now) {
  if (!certificate) return false;
  return certificate->not_before <= now &&
         certificate->not_after - now > (certificate->not_after - certificate->not_before) / 3;
}

Status MakeCa(Material& material, const Spans& spans, WallTime now) {
  std::string older;
  if (const auto known = x509::Split(material.ca)) {
    for (const std::string& one : *known) {
      const auto read = x509::Read(one);
      if (read && read->not_after > now) older += one;
    }
  }
  auto key = x509::Key::Generate();
  if (!key) return key.error();
  auto made = x509::MakeRoot(*key, {"weft webhook CA", {}, {}, {}, now - kBackdate, now + spans.ca});
  if (!made) return made.error();
  material.ca = *made + older;
  material.ca_key = key->Pem();
  return {};
}

Status MakeLeaf(Material& material, const std::vector<std::string>& names, const Spans& spans, WallTime now) {
  const auto ca_key = x509::Key::FromPem(material.ca_key);
  if (!ca_key) return ca_key.error();
  auto key = x509::Key::Generate();
  if (!key) return key.error();
  x509::Subject subject{names.front(), {}, names, {}, now - kBackdate, now + spans.leaf};
  const auto ca = x509::Split(material.ca);
  if (!ca) return ca.error();
  auto made = x509::MakeLeaf(ca->front(), *ca_key, *key, subject);
  if (!made) return made.error();
  material.cert = std::move(*made);
  material.key = key->Pem();
  return {};
}

// The CA can certify, and its key is here.
bool CanIssue(const Material& material) {
  const auto key = x509::Key::FromPem(material.ca_key);
  return key && x509::CheckPair(material.ca, *key);
}

// The certificate serves now: of one of the CAs, with its own key.
bool Serves(const Material& material, WallTime now) {
  const auto key = x509::Key::FromPem(material.key);
  return key && x509::CheckPair(material.cert, *key) && x509::Verify(material.cert, material.ca, now);
}

}  // namespace

Result<bool> Renew(Material& material, const std::vector<std::string>& names, const Spans& spans,
                   WallTime now) {
  bool made = false;
  if (!CanIssue(material) || !IsFresh(x509::Read(material.ca), now)) {
    if (auto ok = MakeCa(material, spans, now); !ok) return ok.error();
    made = true;
  }
  const bool serves = Serves(material, now);
  if (serves && (made || IsFresh(x509::Read(material.cert), now))) return made;
  if (auto ok = MakeLeaf(material, names, spans, now); !ok) return ok.error();
  return true;
}

}  // namespace weft::webhook
