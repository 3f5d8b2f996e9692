#include "agent/egress/hosts.h"

#include <algorithm>
#include <utility>

namespace weft::egress {
namespace {

constexpr std::size_t kMostHosts = 256;
constexpr std::size_t kMostLookups = 64;
constexpr std::size_t kMostWaiting = 1024;  // requests for one name
constexpr Duration kRefresh = std::chrono::seconds(30);
constexpr Duration kForget = std::chrono::minutes(10);
constexpr Duration kNegativeTime = std::chrono::seconds(5);

}  // namespace

Hosts::Hosts(Lookup lookup, std::function<void()> changed)
    : lookup_(std::move(lookup)), changed_(std::move(changed)) {}

void Hosts::Ask(const Host& host, TimePoint now, std::function<void()> failed) {
  if (!entries_.contains(host.name)) MakeRoom();
  Entry& entry = entries_[host.name];
  entry.asked = now;
  entry.ports.insert(host.port);
  if (const Result<net::Ip> ip = net::Ip::Parse(host.name); ip) entry.addresses = {*ip};
  if (!entry.addresses.empty()) {
    Build(host.name, entry);
    return changed_();
  }
  const bool refused = now < entry.failed_until || entry.waiting.size() >= kMostWaiting ||
                       (!entry.looking && looking_ >= kMostLookups);
  if (refused) return failed();
  entry.waiting.push_back(std::move(failed));
  if (!entry.looking) Look(host.name, entry, now);
}

void Hosts::MakeRoom() {
  if (entries_.size() < kMostHosts) return;
  const auto oldest = std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.looking, a.second.asked) < std::pair(b.second.looking, b.second.asked);
  });
  for (const auto& failed : std::exchange(oldest->second.waiting, {})) failed();
  entries_.erase(oldest);
}

void Hosts::Look(const std::string& name, Entry& entry, TimePoint now) {
  entry.looking = true;
  entry.looked_up = now;
  ++looking_;
  lookup_(name,
          [this, name, now](std::vector<net::Ip> addresses) { Found(name, std::move(addresses), now); });
}

void Hosts::Found(const std::string& name, std::vector<net::Ip> addresses, TimePoint now) {
  --looking_;
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.looking = false;
  const std::vector<std::function<void()>> waiting = std::exchange(entry.waiting, {});
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  if (addresses.empty()) {
    if (entry.addresses.empty()) entry.failed_until = now + kNegativeTime;
    for (const auto& failed : waiting) failed();
    return;
  }
  if (addresses == entry.addresses && waiting.empty()) return;
  entry.addresses = std::move(addresses);
  Build(name, entry);
  changed_();
}

void Hosts::Build(const std::string& name, Entry& entry) {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {std::string(snapshot::kEgress), std::string(snapshot::kEgress), name};
  for (const std::uint16_t port : entry.ports)
    bundle->ports.push_back({std::to_string(port), port, policy::Protocol::kHttp});
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->service = bundle->key;
  endpoints->version = ++version_;
  for (const net::Ip& ip : entry.addresses) {
    snapshot::Instance instance;
    instance.id = ip.ToString();
    instance.hash = HashBytes(name + " " + instance.id);
    instance.address = {ip, *entry.ports.begin()};
    for (const policy::ServicePort& port : bundle->ports) instance.ports[port.name] = port.port;
    endpoints->instances.push_back(std::move(instance));
  }
  std::sort(endpoints->instances.begin(), endpoints->instances.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  auto service = std::make_shared<snapshot::Service>();
  service->bundle = std::move(bundle);
  service->endpoints = std::move(endpoints);
  entry.service = std::move(service);
}

snapshot::SnapshotPtr Hosts::Extend(const snapshot::SnapshotPtr& base) const {
  if (base == nullptr || entries_.empty()) return base;
  auto out = std::make_shared<snapshot::Snapshot>(*base);
  for (const auto& [name, entry] : entries_) {
    if (entry.service != nullptr) out->services[entry.service->bundle->key] = entry.service;
  }
  return out;
}

void Hosts::Refresh(TimePoint now) {
  bool forgot = false;
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    if (!entry.looking && now - entry.asked >= kForget) {
      forgot |= entry.service != nullptr;
      at = entries_.erase(at);
      continue;
    }
    const bool literal = net::Ip::Parse(at->first).has_value();
    if (!literal && !entry.looking && !entry.addresses.empty() && now - entry.looked_up >= kRefresh &&
        looking_ < kMostLookups) {
      Look(at->first, entry, now);
    }
    ++at;
  }
  if (forgot) changed_();
}

}  // namespace weft::egress
