#include "agent/quota/keeper.h"

#include <cmath>
#include <set>

namespace weft::quota {
namespace {

constexpr double kSame = 0.001;  // of the limit: too little a change to tell anybody

}  // namespace

Keeper::Looked Keeper::Look(const std::vector<engine::QuotaUse>& uses, TimePoint now) {
  Looked looked;
  std::set<std::pair<BackendKey, std::string>> seen;
  for (const engine::QuotaUse& use : uses) {
    Kept& kept = kept_[{use.backend, use.limit}];
    seen.emplace(use.backend, use.limit);
    looked.wanted.push_back({use.backend, use.limit, use.cap, kept.share.Wanted(use.asked, now)});
    const double rate = std::min(use.cap, kept.share.Rate(use.cap, use.instances, now));
    const double room = kept.share.Room(rate, now), same = kSame * use.cap;
    if (kept.rate >= 0 && std::abs(rate - kept.rate) <= same && std::abs(room - kept.room) <= same) continue;
    kept.rate = rate;
    kept.room = room;
    looked.rates.push_back({use.backend, use.limit, rate, room});
  }
  std::erase_if(kept_, [&](const auto& entry) { return !seen.contains(entry.first); });
  return looked;
}

void Keeper::Granted(std::uint16_t port, const std::string& limit, double rate, std::uint32_t agents,
                     Duration lease, TimePoint now) {
  for (auto& [key, kept] : kept_) {
    if (key.first.port == port && key.second == limit) kept.share.Grant(rate, agents, lease, now);
  }
}

}  // namespace weft::quota
