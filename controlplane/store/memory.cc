#include "controlplane/store/memory.h"

#include <mutex>

#include "controlplane/store/check.h"

namespace weft::store {
namespace {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::function<std::int64_t()> unix_ms) : unix_ms_(std::move(unix_ms)) {}

  Version version() const override {
    const std::lock_guard lock(mutex_);
    return {"00000000000000000000000000000000", 1, images_.size() - 1};
  }

  Result<std::uint64_t> Commit(const Write& write) override {
    const std::lock_guard lock(mutex_);
    const std::uint64_t head = images_.size() - 1;
    if (auto ok = CheckWrite(write, head); !ok) return ok.error();
    auto next = images_.back();
    Revision entry{head + 1, unix_ms_(), write.principal, {}};
    std::vector<Event> events;
    for (const Change& change : write.changes) {
      const auto found = next.find(change.key);
      const auto current = found == next.end() ? std::nullopt : std::optional(found->second.revision);
      if (auto ok = CheckChange(change, current); !ok) return ok.error();
      if (change.json) {
        next[change.key] = {change.key, *change.json, change.owner, head + 1};
      } else {
        next.erase(found);
      }
      entry.changed.push_back(change.key);
      events.push_back({head + 1, change.key, change.json, change.owner});
    }
    images_.push_back(std::move(next));
    history_.push_back(std::move(entry));
    events_.insert(events_.end(), events.begin(), events.end());
    if (write.rollout) {
      rollouts_[head + 1] = *write.rollout;
      released_[kCandidateCohort] = head + 1;
    } else {
      released_ = {{kDefaultCohort, head + 1}};
    }
    if (write.ends) rollouts_[write.ends->revision] = write.ends->json;
    return head + 1;
  }

  Result<Image> Head() const override {
    const std::lock_guard lock(mutex_);
    return ImageOf(images_.size() - 1);
  }

  Result<Image> At(std::uint64_t revision) const override {
    const std::lock_guard lock(mutex_);
    if (revision >= images_.size()) return NoRevision(revision);
    return ImageOf(revision);
  }

  Result<std::vector<Revision>> History(std::uint64_t before, std::size_t limit) const override {
    const std::lock_guard lock(mutex_);
    std::vector<Revision> out;
    for (auto entry = history_.rbegin(); entry != history_.rend() && out.size() < limit; ++entry) {
      if (before == 0 || entry->revision < before) out.push_back(*entry);
    }
    return out;
  }

  Result<std::vector<Revision>> HistoryOf(const Key& key, std::uint64_t before,
                                          std::size_t limit) const override {
    const std::lock_guard lock(mutex_);
    std::vector<Revision> out;
    for (auto entry = history_.rbegin(); entry != history_.rend() && out.size() < limit; ++entry) {
      const bool changed =
          std::find(entry->changed.begin(), entry->changed.end(), key) != entry->changed.end();
      if (changed && (before == 0 || entry->revision < before)) out.push_back(*entry);
    }
    return out;
  }

  Result<std::vector<Event>> Since(std::uint64_t revision, std::size_t limit) const override {
    const std::lock_guard lock(mutex_);
    std::vector<Event> out;
    for (const Event& event : events_) {
      if (event.revision <= revision) continue;
      if (out.size() == limit)
        return Error{ErrorKind::kOverloaded, "too many changes since; list again", {}, {}};
      out.push_back(event);
    }
    return out;
  }

  Result<std::uint64_t> Released(const std::string& cohort) const override {
    const std::lock_guard lock(mutex_);
    const auto found = released_.find(cohort);
    return found == released_.end() ? released_.at(kDefaultCohort) : found->second;
  }

  Status Release(const std::string& cohort, std::uint64_t revision) override {
    const std::lock_guard lock(mutex_);
    if (revision >= images_.size()) return NoRevision(revision);
    released_[cohort] = revision;
    return {};
  }

  Result<std::vector<Rollout>> Rollouts(std::size_t limit) const override {
    const std::lock_guard lock(mutex_);
    std::vector<Rollout> out;
    for (auto row = rollouts_.rbegin(); row != rollouts_.rend() && out.size() < limit; ++row)
      out.push_back({row->first, row->second});
    return out;
  }

  Result<Rollout> RolloutOf(std::uint64_t revision) const override {
    const std::lock_guard lock(mutex_);
    const auto found = rollouts_.find(revision);
    if (found == rollouts_.end()) return NoRollout(revision);
    return Rollout{revision, found->second};
  }

  Status PutRollout(const Rollout& rollout, bool everybody) override {
    const std::lock_guard lock(mutex_);
    const auto found = rollouts_.find(rollout.revision);
    if (found == rollouts_.end()) return NoRollout(rollout.revision);
    found->second = rollout.json;
    if (everybody) released_ = {{kDefaultCohort, rollout.revision}};
    return {};
  }

  Result<std::vector<Registered>> Instances() const override {
    const std::lock_guard lock(mutex_);
    std::vector<Registered> out;
    for (const auto& [id, json] : instances_) out.push_back({id.first, id.second, json});
    return out;
  }

  Status PutInstance(const Registered& instance) override {
    const std::lock_guard lock(mutex_);
    instances_[{instance.service, instance.id}] = instance.json;
    return {};
  }

  Status DeleteInstance(const std::string& service, const std::string& id) override {
    const std::lock_guard lock(mutex_);
    if (instances_.erase({service, id}) == 0)
      return Error{ErrorKind::kNotFound, "no instance " + service + "/" + id, {}, {}};
    return {};
  }

  Status ChangeInstances(const std::vector<InstanceChange>& changes) override {
    const std::lock_guard lock(mutex_);
    for (const InstanceChange& change : changes) {
      if (change.json) {
        instances_[{change.service, change.id}] = *change.json;
      } else {
        instances_.erase({change.service, change.id});
      }
    }
    return {};
  }

 private:
  Image ImageOf(std::uint64_t revision) const {
    Image image{revision, {}};
    for (const auto& [key, resource] : images_[revision]) image.resources.push_back(resource);
    return image;
  }

  mutable std::mutex mutex_;  // guards all below
  std::function<std::int64_t()> unix_ms_;
  std::vector<std::map<Key, Resource>> images_{{}};  // by revision
  std::vector<Revision> history_;
  std::vector<Event> events_;
  std::map<std::string, std::uint64_t> released_{{kDefaultCohort, 0}};
  std::map<std::uint64_t, std::string> rollouts_;
  std::map<std::pair<std::string, std::string>, std::string> instances_;
};

}  // namespace

std::unique_ptr<Store> MakeMemoryStore(std::function<std::int64_t()> unix_ms) {
  return std::make_unique<MemoryStore>(std::move(unix_ms));
}

}  // namespace weft::store
