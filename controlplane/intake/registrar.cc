#include "controlplane/intake/registrar.h"

#include <algorithm>

#include "common/log/log.h"
#include "controlplane/api/describe.h"
#include "controlplane/intake/slot.h"

namespace weft::intake {
namespace {

std::size_t CountInstances(const Picture& all) {
  std::size_t count = 0;
  for (const auto& [service, found] : all.services)
    count += found->instances.size() + found->document->mesh_service().instances.size();
  return count;
}

// The same without what is beyond the bounds.
PicturePtr Bounded(PicturePtr all, const SlotOptions& options) {
  if (all->services.size() <= options.most_services && CountInstances(*all) <= options.most_instances)
    return all;
  auto some = std::make_shared<Picture>();
  some->rules = all->rules;
  some->unknown_kinds = all->unknown_kinds;
  some->unreadable = all->unreadable;
  some->unusable = all->unusable;
  some->unknown = all->unknown;
  std::size_t instances = 0;
  for (const auto& [service, found] : all->services) {
    instances += found->instances.size();
    if (some->services.size() < options.most_services && instances <= options.most_instances) {
      some->services.emplace(service, found);
    } else {
      some->unusable.push_back(Error{ErrorKind::kOverloaded,
                                     "is beyond the bound of services or instances of this source",
                                     {},
                                     service.ToString()});
    }
  }
  return some;
}

}  // namespace

Registrar::Registrar(api::Control& control, sources::Board& board, Settings settings)
    : control_(control), board_(board), settings_(std::move(settings)) {}
Registrar::~Registrar() = default;

Sink& Registrar::Add(const std::string& name, SlotOptions options) {
  const std::lock_guard lock(mutex_);
  auto& slot = slots_[name];
  slot = std::make_unique<Slot>(*this, name, options);
  slot->look.problem = "it has not answered yet";
  board_.Set(slot->look);
  return *slot;
}

void Registrar::Abandon(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!control_.DocumentsOf(name).empty()) abandoned_.insert(name);
}

Status Registrar::Slot::Report(PicturePtr all) {
  const std::lock_guard lock(registrar.mutex_);
  return registrar.Take(*this, std::move(all));
}

void Registrar::Slot::Lost(const Error& why) {
  const std::lock_guard lock(registrar.mutex_);
  registrar.MarkDown(*this, why);
  registrar.board_.Set(look);
}

void Registrar::MarkDown(Slot& slot, const Error& why) {
  sources::Look& look = slot.look;
  ++look.errors;
  const bool worth_saying = look.up || (!look.ever && look.problem != why.Text());
  if (look.up) look.since = settings_.clock();
  if (worth_saying) {
    log::Warn("a source of services is away; what it said last is served",
              {{"source", look.name}, {"error", why.Text()}});
    events::Note(settings_.events, true, "SourceLost", {"Source", "", look.name}, why.Text());
  }
  look.up = false;
  look.problem = why.Text();
}

void Registrar::MarkUp(Slot& slot, std::size_t services) {
  sources::Look& look = slot.look;
  if (!look.up) {
    look.since = settings_.clock();
    log::Info("a source of services answers", {{"source", look.name}, {"services", services}});
    events::Note(settings_.events, false, look.ever ? "SourceBack" : "SourceHeard", {"Source", "", look.name},
                 "it has " + std::to_string(services) + " service(s)");
  }
  look.up = look.ever = true;
  look.problem.clear();
}

Status Registrar::Take(Slot& slot, PicturePtr all) {
  ++slot.look.reports;
  all = Bounded(std::move(all), slot.options);
  if (!slot.options.whole) MarkUp(slot, all->services.size());  // else once it is written
  if (Doubts(slot, *all)) {
    slot.doubted = std::move(all);
    Show(slot);
    return {};
  }
  slot.doubted = nullptr;
  slot.wanted = std::move(all);
  return Sync(slot);
}

bool Registrar::Doubts(Slot& slot, const Picture& all) {
  if (slot.options.whole || slot.options.doubt <= Duration::zero()) return false;
  const std::size_t before = control_.CountDiscovered(slot.look.name);
  if (before < kDoubtFrom || CountInstances(all) * 2 >= before) return false;
  const TimePoint now = settings_.clock();
  if (slot.doubted == nullptr) {
    slot.doubted_since = now;
    events::Note(settings_.events, true, "MassRemoval", {"Source", "", slot.look.name},
                 "it has " + std::to_string(CountInstances(all)) + " of " + std::to_string(before) +
                     " instances; the last known stay for a while");
  }
  return now - slot.doubted_since < slot.options.doubt;
}

Status Registrar::Sync(Slot& slot) {
  slot.again.reset();
  if (slot.options.whole) {
    const Status done = WriteWhole(slot);
    Show(slot);
    return done;
  }
  const Status done = WriteOwned(slot, control_.DocumentsOf(slot.look.name));
  TellInstances(slot, control_.ServicesOf(slot.look.name));
  Show(slot);
  return done;
}

bool Registrar::MayOwn(Slot& slot, const ServiceKey& service) {
  const auto owner = control_.OwnerOf(service);
  if (!owner || *owner == slot.look.name) return true;
  slot.conflicts[service] = *owner;
  return false;
}

Status Registrar::WriteWhole(Slot& slot) {
  slot.conflicts.clear();
  std::vector<resource::DocumentPtr> documents = slot.wanted->rules;
  for (const auto& [service, found] : slot.wanted->services) {
    if (MayOwn(slot, service)) documents.push_back(found->document);
  }
  const auto done = control_.Replace(slot.look.name, std::move(documents));
  if (done) {
    MarkUp(slot, slot.wanted->services.size());
    return {};
  }
  if (done.error().kind != ErrorKind::kInvalid) slot.again = settings_.clock() + kTryAgain;
  MarkDown(slot, done.error());
  return done.error();
}

// What this source no longer has: lingers first.
std::set<ServiceKey> Registrar::Gone(Slot& slot, const std::set<ServiceKey>& mine) {
  const TimePoint now = settings_.clock();
  std::set<ServiceKey> gone;
  std::erase_if(slot.lingering, [&mine](const auto& one) { return !mine.contains(one.first); });
  for (const ServiceKey& service : mine) {
    if (slot.wanted->services.contains(service) || slot.wanted->unknown.contains(service)) {
      slot.lingering.erase(service);
    } else if (now - slot.lingering.try_emplace(service, now).first->second >= slot.options.linger) {
      gone.insert(service);
    }
  }
  return gone;
}

// Services and rules are one transaction, so that a route comes with the service that it is for.
Status Registrar::WriteOwned(Slot& slot, const std::set<store::Key>& owned) {
  Documents documents;
  std::set<store::Key> removed;
  AddServices(slot, documents, removed);
  AddRules(slot, owned, documents, removed);
  if (documents.empty() && removed.empty()) return {};
  const auto done = control_.ChangeOwned(slot.look.name, documents, removed);
  return done ? Status() : WriteEach(slot, documents, removed);
}

void Registrar::AddServices(Slot& slot, Documents& documents, std::set<store::Key>& removed) {
  const std::set<ServiceKey> mine = control_.ServicesOf(slot.look.name);
  slot.conflicts.clear();
  slot.refused.clear();
  for (const auto& [service, found] : slot.wanted->services) {
    const auto before = slot.written.find(service);
    const bool same = before != slot.written.end() && before->second->document == found->document;
    if (same && mine.contains(service)) continue;
    if (mine.contains(service) || MayOwn(slot, service)) documents.push_back(found->document);
  }
  for (const ServiceKey& service : Gone(slot, mine)) {
    slot.told.erase(service);
    slot.dampers.erase(service);
    removed.insert(api::MeshServiceKey(service.ns, service.name));
  }
  slot.written = slot.wanted->services;
}

// Unlike services they go at once.
void Registrar::AddRules(Slot& slot, const std::set<store::Key>& owned, Documents& documents,
                         std::set<store::Key>& removed) {
  slot.refused_rules.clear();
  std::map<store::Key, resource::DocumentPtr> wanted;
  for (const resource::DocumentPtr& rule : slot.wanted->rules) {
    const store::Key key = api::KeyOfDocument(*rule);
    wanted[key] = rule;
    const auto before = slot.written_rules.find(key);
    const bool same = before != slot.written_rules.end() && before->second == rule;
    if (same && owned.contains(key)) continue;
    const auto owner = control_.OwnerOf(key);
    if (owner && *owner != slot.look.name) {
      slot.refused_rules[key] = "belongs to " + *owner + ", which wrote it first";
      slot.again = settings_.clock() + kTryAgain;
    } else {
      documents.push_back(rule);
    }
  }
  for (const store::Key& key : owned) {
    const bool there = wanted.contains(key) || slot.wanted->unreadable.contains(key) ||
                       slot.wanted->unknown_kinds.contains(key.kind);
    if (key.kind != "MeshService" && !there) removed.insert(key);
  }
  slot.written_rules = std::move(wanted);
}

// One of them was refused, or the store is not writing now: each for itself shows which.
Status Registrar::WriteEach(Slot& slot, const Documents& documents, const std::set<store::Key>& removed) {
  Status first;
  const auto failed = [&](const store::Key& key, const Error& error) {
    if (first) first = error;
    ++slot.look.errors;
    const bool service = key.kind == "MeshService";
    const ServiceKey named{"local", key.ns, key.name};
    service ? slot.written.erase(named) : slot.written_rules.erase(key);
    slot.again = settings_.clock() + kTryAgain;
    if (error.kind != ErrorKind::kInvalid) return false;
    (service ? slot.refused[named] : slot.refused_rules[key]) = error.Text();
    return true;
  };
  for (const resource::DocumentPtr& document : documents) {
    const auto done = control_.ChangeOwned(slot.look.name, {document}, {});
    if (!done && !failed(api::KeyOfDocument(*document), done.error())) return first;
  }
  for (const store::Key& key : removed) {
    const auto done = control_.ChangeOwned(slot.look.name, {}, {key});
    if (!done && !failed(key, done.error())) return first;
  }
  return first;
}

void Registrar::TellInstances(Slot& slot, const std::set<ServiceKey>& mine) {
  static const FoundPtr kNothing = std::make_shared<const Found>();
  for (const ServiceKey& service : mine) {
    if (slot.wanted->unknown.contains(service)) continue;
    const auto found = slot.wanted->services.find(service);
    TellOne(slot, service, found == slot.wanted->services.end() ? kNothing : found->second);
  }
}

void Registrar::TellOne(Slot& slot, const ServiceKey& service, const FoundPtr& found) {
  FoundPtr& told = slot.told[service];
  Damper& damper = slot.dampers[service];
  if (told == found && damper.withheld().empty()) return;
  const auto done =
      control_.SetDiscovered(slot.look.name, service, damper.Pass(found->instances, settings_.clock()));
  if (!done) {
    told = nullptr;  // somebody else's by now: the next report sees it
    return;
  }
  told = found;
  if (done->empty()) return;
  slot.refused[service] =
      std::to_string(done->size()) + " instance(s) left out, the first one: " + done->front().Text();
}

bool Registrar::IsDue(const Slot& slot) const {
  const TimePoint now = settings_.clock();
  if (slot.doubted != nullptr || slot.wanted == nullptr) return false;
  if (slot.again && now >= *slot.again && !control_.RollingOut()) return true;
  for (const auto& [service, since] : slot.lingering) {
    if (now - since >= slot.options.linger && !slot.again) return true;
  }
  for (const auto& [service, owner] : slot.conflicts) {
    if (!control_.OwnerOf(service)) return true;
  }
  return std::any_of(slot.dampers.begin(), slot.dampers.end(),
                     [](const auto& one) { return !one.second.withheld().empty(); });
}

void Registrar::Tick() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, slot] : slots_) {
    if (slot->doubted != nullptr && settings_.clock() - slot->doubted_since >= slot->options.doubt) {
      slot->wanted = std::move(slot->doubted);
      slot->doubted = nullptr;
      if (!Sync(*slot)) continue;  // shown already
    } else if (IsDue(*slot)) {
      if (!Sync(*slot)) continue;
    }
  }
  for (auto name = abandoned_.begin(); name != abandoned_.end();) {
    const auto documents = control_.DocumentsOf(*name);
    if (!control_.RollingOut() && control_.ChangeOwned(*name, {}, documents)) {
      log::Warn("a source is used no more: what it wrote is gone",
                {{"source", *name}, {"resources", documents.size()}});
      events::Note(settings_.events, true, "SourceAbandoned", {"Source", "", *name},
                   std::to_string(documents.size()) + " resource(s) removed: it is not configured any more");
      name = abandoned_.erase(name);
    } else {
      ++name;
    }
  }
}

void Registrar::Show(Slot& slot) {
  const Picture& all = *(slot.wanted != nullptr ? slot.wanted : slot.doubted);
  slot.look.services = all.services.size();
  slot.look.instances = CountInstances(all);
  slot.look.left_out =
      all.unusable.size() + slot.conflicts.size() + slot.refused.size() + slot.refused_rules.size();
  slot.look.damped = 0;
  for (const auto& [service, damper] : slot.dampers) slot.look.damped += damper.withheld().size();
  const std::string first = all.unusable.empty() ? std::string() : all.unusable.front().Text();
  if (!first.empty() && first != slot.warned)
    log::Warn("some of what a source has was left out",
              {{"source", slot.look.name}, {"count", all.unusable.size()}, {"first", first}});
  slot.warned = first;
  board_.Set(slot.look);
  ShowConditions(slot);
}

void Registrar::ShowConditions(Slot& slot) {
  std::map<ServiceKey, std::vector<sources::Condition>> shown;
  std::map<std::pair<ServiceKey, std::string_view>, WallTime> hold;
  const auto add = [&](const ServiceKey& service, std::string_view type, std::string_view reason,
                       std::string message) {
    const auto before = slot.conditions.find({service, type});
    const WallTime since = before == slot.conditions.end() ? settings_.wall_clock() : before->second;
    if (before == slot.conditions.end())
      events::Note(settings_.events, true, type, {"MeshService", service.ns, service.name}, message);
    hold[{service, type}] = since;
    shown[service].push_back({type, reason, std::move(message), since});
  };
  for (const auto& [service, owner] : slot.conflicts)
    add(service, "Conflicted", "OwnedByAnother",
        slot.look.name + " has it too, but it belongs to " + owner + ", which wrote it first");
  for (const auto& [service, why] : slot.refused)
    add(service, "Refused", "Unusable", slot.look.name + ": " + why);
  for (const auto& [service, damper] : slot.dampers) {
    std::string places;
    for (const std::string& place : damper.withheld()) places += (places.empty() ? "" : ", ") + place;
    if (!places.empty()) add(service, "Flapping", "Damped", "withheld until quiet for minutes: " + places);
  }
  slot.conditions = std::move(hold);
  board_.SetConditions(slot.look.name, std::move(shown));
}

}  // namespace weft::intake
