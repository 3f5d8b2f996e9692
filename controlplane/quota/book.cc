#include "controlplane/quota/book.h"

#include <algorithm>
#include <numeric>

namespace weft::quota {

std::vector<double> WaterFill(double cap, const std::vector<double>& wanted) {
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return wanted[a] < wanted[b]; });
  std::vector<double> shares(wanted.size());
  double left = cap;
  std::size_t others = wanted.size();
  for (const std::size_t at : order) {
    shares[at] = std::min(wanted[at], left / static_cast<double>(others--));
    left -= shares[at];
  }
  if (left <= 0) return shares;
  for (double& share : shares) share += left / static_cast<double>(wanted.size());
  return shares;
}

Book::Limit* Book::Find(const std::string& name, TimePoint now) {
  const auto found = limits_.find(name);
  if (found != limits_.end()) return &found->second;
  if (limits_.size() >= kMostLimits) {
    std::erase_if(limits_, [now](const auto& entry) {
      return std::all_of(entry.second.leases.begin(), entry.second.leases.end(),
                         [now](const auto& lease) { return lease.second.until <= now; });
    });
  }
  return limits_.size() < kMostLimits ? &limits_[name] : nullptr;
}

Share Book::Ask(const std::string& node, const std::string& limit, const Demand& demand, TimePoint now) {
  Limit* of = Find(limit, now);
  if (of == nullptr) return {};
  if (demand.revision >= of->revision) {
    of->revision = demand.revision;
    of->cap = demand.cap;
  }
  std::erase_if(of->leases, [now](const auto& entry) { return entry.second.until <= now; });
  if (of->leases.size() >= kMostAgents && !of->leases.contains(node)) return {};
  Lease& lease = of->leases[node];
  lease.wanted = std::max(0.0, demand.wanted);
  std::vector<double> wanted;
  double others = 0;
  std::size_t mine = 0;
  for (const auto& [name, each] : of->leases) {
    if (name == node) {
      mine = wanted.size();
    } else {
      others += each.rate;
    }
    wanted.push_back(each.wanted);
  }
  const double cap = of->cap * (1 - kReserve);
  lease.rate = std::clamp(of->cap - others, 0.0, WaterFill(cap, wanted)[mine]);
  lease.until = now + lease_;
  return {lease.rate, static_cast<std::uint32_t>(of->leases.size())};
}

}  // namespace weft::quota
