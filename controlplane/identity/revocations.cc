#include "controlplane/identity/revocations.h"

#include <algorithm>

#include "common/x509/key.h"

namespace weft::identity {
namespace {

constexpr std::size_t kMostSerialDigits = 40;  // RFC 5280 4.1.2.2: 20 bytes

// As x509::Certificate has it; empty: it is none.
std::string NormalSerial(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ':') continue;
    const bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'f', upper = c >= 'A' && c <= 'F';
    if (!digit && !lower && !upper) return {};
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (out.size() % 2 == 1) out.insert(0, 1, '0');
  while (out.size() > 2 && out.starts_with("00")) out.erase(0, 2);
  return out.size() > kMostSerialDigits ? std::string() : out;
}

std::string SecondText(WallTime at) { return UtcText(std::chrono::floor<std::chrono::seconds>(at)); }

}  // namespace

Revocations::Revocations(std::vector<Revocation> kept) {
  std::stable_sort(kept.begin(), kept.end(),
                   [](const Revocation& a, const Revocation& b) { return a.created < b.created; });
  for (Revocation& one : kept) {
    (one.serial.empty() ? by_spiffe_[one.spiffe] : by_serial_[one.serial]) = one.id;
    const std::string id = one.id;
    by_id_.insert_or_assign(id, std::move(one));
  }
}

Result<Revocation> Revocations::Add(const RevocationRequest& request, std::string_view random,
                                    WallTime last_begin, WallTime now) {
  if (request.serial.empty() == request.spiffe.empty())
    return Invalid("say which: the serial number of a certificate, or the SPIFFE id of its holder", "serial");
  Revocation out{
      x509::Hex(random), NormalSerial(request.serial), request.spiffe, request.reason, request.creator, now,
      last_begin};
  if (!request.serial.empty() && out.serial.empty())
    return Invalid("is no serial number: 1 to 40 hexadecimal digits", "serial");
  if (request.reason.size() > kMostReason) return Invalid("is longer than 256 bytes", "reason");
  Prune(now);
  if (by_id_.size() >= kMostRevocations)
    return Error{
        ErrorKind::kOverloaded,
        "there are 10000 revocations; remove those whose certificates have ended, or rotate the root",
        {},
        {}};
  if (!by_id_.emplace(out.id, out).second)
    return Error{ErrorKind::kInternal, "two revocations got one id; try again", {}, {}};
  (out.serial.empty() ? by_spiffe_[out.spiffe] : by_serial_[out.serial]) = out.id;
  return out;
}

Status Revocations::Remove(const std::string& id) {
  if (!by_id_.contains(id))
    return Error{ErrorKind::kNotFound,
                 "there is no revocation '" + id + "'; `weftctl identity revocations` lists them",
                 "id",
                 {}};
  std::vector<Revocation> left;
  for (auto& [key, one] : by_id_) {
    if (key != id) left.push_back(std::move(one));
  }
  *this = Revocations(std::move(left));
  return {};
}

Status Revocations::Check(const auth::Shown& shown) const {
  const Revocation* found = nullptr;
  if (const auto serial = by_serial_.find(shown.serial); serial != by_serial_.end())
    found = &by_id_.at(serial->second);
  const auto holder = by_spiffe_.find(shown.uri);
  if (found == nullptr && holder != by_spiffe_.end() && shown.from <= by_id_.at(holder->second).last_begin)
    found = &by_id_.at(holder->second);
  if (found == nullptr) return {};
  return Error{ErrorKind::kUnauthenticated,
               "the certificate " + shown.serial + " of '" + shown.uri + "' was revoked at " +
                   SecondText(found->created) + (found->reason.empty() ? "" : " (" + found->reason + ")") +
                   "; its holder needs a new join token",
               {},
               {}};
}

WallTime Revocations::After(const std::string& spiffe) const {
  const auto found = by_spiffe_.find(spiffe);
  return found == by_spiffe_.end() ? WallTime()
                                   : by_id_.at(found->second).last_begin + std::chrono::seconds(1);
}

bool Revocations::Prune(WallTime now) {
  std::vector<Revocation> left;
  for (const auto& [id, one] : by_id_) {
    if (!one.serial.empty() || now <= one.created + kLongestLeaf) left.push_back(one);
  }
  if (left.size() == by_id_.size()) return false;
  *this = Revocations(std::move(left));
  return true;
}

std::vector<Revocation> Revocations::All() const {
  std::vector<Revocation> all;
  for (const auto& [id, one] : by_id_) all.push_back(one);
  std::stable_sort(all.begin(), all.end(),
                   [](const Revocation& a, const Revocation& b) { return a.created < b.created; });
  return all;
}

}  // namespace weft::identity
