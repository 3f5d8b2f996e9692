#include "controlplane/sources/board.h"

namespace weft::sources {

void Board::Set(const Look& look) {
  const std::lock_guard lock(mutex_);
  looks_[look.name] = look;
}

void Board::Drop(const std::string& name) {
  const std::lock_guard lock(mutex_);
  looks_.erase(name);
  conditions_.erase(name);
}

void Board::SetConditions(const std::string& name, std::map<ServiceKey, std::vector<Condition>> conditions) {
  const std::lock_guard lock(mutex_);
  conditions_[name] = std::move(conditions);
}

std::vector<Look> Board::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<Look> all;
  for (const auto& [name, look] : looks_) all.push_back(look);
  return all;
}

std::optional<Look> Board::Find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = looks_.find(name);
  if (found == looks_.end()) return std::nullopt;
  return found->second;
}

std::vector<Condition> Board::Conditions(const ServiceKey& service, const std::string& owner, TimePoint now,
                                         WallTime wall) const {
  const std::lock_guard lock(mutex_);
  std::vector<Condition> out;
  const auto look = looks_.find(owner);
  if (look != looks_.end() && !look->second.up) {
    out.push_back({"Stale", look->second.ever ? "SourceLost" : "SourceNotHeard",
                   "what " + owner + " said last is served: " + look->second.problem,
                   wall - (now - look->second.since)});
  }
  for (const auto& [source, conditions] : conditions_) {
    const auto found = conditions.find(service);
    if (found != conditions.end()) out.insert(out.end(), found->second.begin(), found->second.end());
  }
  return out;
}

Duration Board::StaleFor(const std::string& owner, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto look = looks_.find(owner);
  if (look == looks_.end() || look->second.up) return Duration::zero();
  return std::max<Duration>(now - look->second.since, Duration(1));
}

}  // namespace weft::sources
