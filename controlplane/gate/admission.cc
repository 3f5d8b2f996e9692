#include "controlplane/gate/admission.h"

#include <algorithm>

namespace weft::gate {
namespace {

constexpr Duration kForget = std::chrono::seconds(2);  // of an address: its bucket is full again by then

}  // namespace

bool Admission::Open(TimePoint now) {
  Expire(now);
  return handshakes_.size() < bounds_.handshakes;
}

std::optional<TimePoint> Admission::next() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first + bounds_.patience;
}

void Admission::Expire(TimePoint now) {
  while (!by_time_.empty() && now - by_time_.begin()->first >= bounds_.patience) {
    const auto found = handshakes_.find(by_time_.begin()->second);
    if (found != handshakes_.end() && found->second == by_time_.begin()->first) Release(found);
    by_time_.erase(by_time_.begin());
  }
  if (now - swept_ < kForget) return;
  swept_ = now;
  std::erase_if(sources_, [&](const auto& entry) {
    return entry.second.handshakes == 0 && now - entry.second.seen >= kForget;
  });
}

void Admission::Release(std::map<net::Address, TimePoint>::iterator handshake) {
  --sources_[handshake->first.ip].handshakes;
  handshakes_.erase(handshake);
}

bool Admission::Admit(const net::Address& peer, TimePoint now) {
  if (const auto again = handshakes_.find(peer); again != handshakes_.end()) Release(again);
  const double rate = bounds_.per_address_per_second;
  const auto [entry, fresh] = sources_.try_emplace(peer.ip, Source{0, rate * 2, now});
  Source& source = entry->second;
  const double since = std::chrono::duration<double>(now - source.seen).count();
  source.tokens = std::min(rate * 2, source.tokens + since * rate);
  source.seen = now;
  if (source.tokens < 1 || source.handshakes >= bounds_.per_address) {
    ++refused_;
    return false;
  }
  source.tokens -= 1;
  ++source.handshakes;
  handshakes_[peer] = now;
  by_time_.emplace(now, peer);
  return true;
}

bool Admission::Arrived(const net::Address& peer) {
  const auto found = handshakes_.find(peer);
  if (found == handshakes_.end()) return false;
  const bool full = handshakes_.size() >= bounds_.handshakes;
  Release(found);
  return full;
}

}  // namespace weft::gate
