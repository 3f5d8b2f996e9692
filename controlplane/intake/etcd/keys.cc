#include "controlplane/intake/etcd/keys.h"

#include <nlohmann/json.hpp>

#include "controlplane/api/json.h"
#include "controlplane/intake/document.h"

namespace weft::intake::etcd {
namespace {

constexpr std::size_t kMostStrange = 100;  // remembered and told
constexpr std::size_t kMostValue = 64 << 10;

Error At(Error error, const std::string& key) {
  error.where = key;
  return error;
}

Status CheckSize(std::string_view value) {
  if (value.size() <= kMostValue) return {};
  return Error{ErrorKind::kTooLarge, "is larger than 64 KiB", {}, {}};
}

// Names in the value are not needed, but must not say something else.
Status CheckName(const std::string& said, const std::string& meant, const char* field) {
  if (said.empty() || said == meant) return {};
  return Invalid("is '" + said + "', its key says '" + meant + "'", field);
}

Result<resource::DocumentPtr> ReadService(const ServiceKey& key, std::string_view value,
                                          const resource::DocumentPtr& before) {
  if (auto ok = CheckSize(value); !ok) return ok.error();
  auto service = api::ReadService(value);
  if (!service) return service.error();
  if (auto ok = CheckName(service->namespace_(), key.ns, "namespace"); !ok) return ok.error();
  if (auto ok = CheckName(service->name(), key.name, "name"); !ok) return ok.error();
  service->set_namespace_(key.ns);
  service->set_name(key.name);
  return MakeDocument(*service, before);
}

Result<v1::Instance> ReadInstance(const ServiceKey& service, const std::string& id, std::string_view value) {
  if (auto ok = CheckSize(value); !ok) return ok.error();
  auto said = api::ReadInstance(value);
  if (!said) return said.error();
  if (auto ok = CheckName(said->namespace_(), service.ns, "namespace"); !ok) return ok.error();
  if (auto ok = CheckName(said->service(), service.name, "service"); !ok) return ok.error();
  if (auto ok = CheckName(said->instance().id(), id, "id"); !ok) return ok.error();
  said->mutable_instance()->set_id(id);
  return said->instance();
}

}  // namespace

std::string RangeEnd(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::optional<Keys::Place> Keys::PlaceOf(std::string_view key) const {
  if (!key.starts_with(prefix_)) return std::nullopt;
  key.remove_prefix(prefix_.size());
  const auto take = [&key] {
    const std::size_t slash = std::min(key.find('/'), key.size());
    const std::string part(key.substr(0, slash));
    key.remove_prefix(std::min(slash + 1, key.size()));
    return part;
  };
  const std::string kind = take();
  Place place{kind == "instances", {"local", take(), {}}, {}};
  place.service.name = place.instance ? take() : std::string(key);
  if (place.instance) place.id = std::string(key);
  if ((kind != "services" && kind != "instances") || !IsDnsLabel(place.service.ns) ||
      !IsDnsLabel(place.service.name) || (place.instance && place.id.empty()))
    return std::nullopt;
  return place;
}

void Keys::Put(std::string_view key, std::string_view value) {
  const auto place = PlaceOf(key);
  if (!place) {
    if (strange_.size() < kMostStrange) strange_[std::string(key)] = life_;
    return;
  }
  if (!HasRoom(*place)) return;
  place->instance ? PutInstance(*place, value, std::string(key))
                  : PutService(*place, value, std::string(key));
}

bool Keys::HasRoom(const Place& place) {
  const auto service = services_.find(place.service);
  const bool known = service != services_.end();
  if (known && (!place.instance || service->second.instances.contains(place.id))) return true;
  const std::size_t needed = (known ? 0U : 1U) + (place.instance ? 1U : 0U);
  if (count_ + needed > most_) ++beyond_;
  const bool room = count_ + needed <= most_;
  if (room) count_ += needed;
  return room;
}

void Keys::PutService(const Place& place, std::string_view value, const std::string& key) {
  Service& service = services_[place.service];
  service.life = life_;
  service.error.reset();
  auto document = ReadService(place.service, value, service.document);
  if (!document) {
    service.error = At(document.error(), key);
  } else if (service.document != *document) {
    service.document = std::move(*document);
    service.found = nullptr;
  }
}

void Keys::PutInstance(const Place& place, std::string_view value, const std::string& key) {
  Service& service = services_[place.service];
  Instance& instance = service.instances[place.id];
  instance.life = life_;
  instance.error.reset();
  auto read = ReadInstance(place.service, place.id, value);
  if (!read) {
    instance.error = At(read.error(), key);
    return;
  }
  instance.good = std::move(*read);
  service.found = nullptr;
}

void Keys::Delete(std::string_view key) {
  const auto place = PlaceOf(key);
  if (!place) {
    if (const auto strange = strange_.find(key); strange != strange_.end()) strange_.erase(strange);
    return;
  }
  const auto service = services_.find(place->service);
  if (service == services_.end()) return;
  if (place->instance) {
    count_ -= service->second.instances.erase(place->id);
  } else {
    service->second.document = nullptr;
    service->second.error.reset();
  }
  service->second.found = nullptr;
  if (service->second.document == nullptr && !service->second.error && service->second.instances.empty()) {
    services_.erase(service);
    --count_;
  }
}

void Keys::EndAll() {
  std::erase_if(strange_, [this](const auto& one) { return one.second != life_; });
  for (auto one = services_.begin(); one != services_.end();) {
    Service& service = one->second;
    if (std::erase_if(service.instances, [this](const auto& i) { return i.second.life != life_; }) > 0)
      service.found = nullptr;
    if (service.life != life_) {
      service.document = nullptr;
      service.error.reset();
      service.found = nullptr;
    }
    const bool nothing = service.document == nullptr && !service.error && service.instances.empty();
    one = nothing ? services_.erase(one) : std::next(one);
  }
  count_ = services_.size();
  for (const auto& [key, service] : services_) count_ += service.instances.size();
}

PicturePtr Keys::Make() {
  auto picture = std::make_shared<Picture>();
  for (auto& [key, service] : services_) {
    if (service.error) picture->unusable.push_back(*service.error);
    for (const auto& [id, instance] : service.instances) {
      if (instance.error) picture->unusable.push_back(*instance.error);
    }
    if (service.document == nullptr) {
      if (!service.error)
        picture->unusable.push_back(Invalid("has instances, but no key " + prefix_ + "services/" + key.ns +
                                                "/" + key.name + " says its ports",
                                            {}, key.ToString()));
      continue;
    }
    if (service.found == nullptr) {
      auto found = std::make_shared<Found>(Found{service.document, {}});
      for (const auto& [id, instance] : service.instances) {
        if (instance.good) found->instances.push_back(*instance.good);
      }
      service.found = std::move(found);
    }
    picture->services[key] = service.found;
  }
  if (beyond_ > 0)
    picture->unusable.push_back(
        Error{ErrorKind::kOverloaded,
              std::to_string(beyond_) + " key(s) beyond the " + std::to_string(most_) + " that are taken",
              {},
              prefix_});
  for (const auto& [key, life] : strange_)
    picture->unusable.push_back(Invalid(
        "is neither services/NAMESPACE/NAME nor instances/NAMESPACE/NAME/ID under the prefix", {}, key));
  return picture;
}

}  // namespace weft::intake::etcd
