#pragma once
// What stands under a prefix of etcd, as services and instances of ours:
//
//   PREFIX services/NAMESPACE/NAME          value: the body of PUT /api/v1/services/NAMESPACE/NAME
//   PREFIX instances/NAMESPACE/NAME/ID      value: the body of PUT …/instances/ID
//
// A value that cannot be used leaves what the key said before, and is answered as unusable. Pure. Thread
// rule: not thread safe.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/intake/source.h"

namespace weft::intake::etcd {

class Keys {
 public:
  // At most `most` keys are kept; others are counted as unusable until all are read again.
  explicit Keys(std::string prefix, std::size_t most = 110'000) : prefix_(std::move(prefix)), most_(most) {}

  // All keys anew: Put each between the two; what was not put is gone.
  void BeginAll() { ++life_, beyond_ = 0; }
  void EndAll();
  void Put(std::string_view key, std::string_view value);
  void Delete(std::string_view key);
  PicturePtr Make();

 private:
  struct Instance {
    std::optional<v1::Instance> good;
    std::optional<Error> error;
    std::uint64_t life = 0;
  };
  struct Service {
    resource::DocumentPtr document;  // null: no usable key says it
    std::optional<Error> error;
    std::uint64_t life = 0;
    std::map<std::string, Instance> instances;
    FoundPtr found;  // null: to be made
  };
  struct Place {
    bool instance = false;
    ServiceKey service;
    std::string id;
  };
  std::optional<Place> PlaceOf(std::string_view key) const;
  void PutService(const Place& place, std::string_view value, const std::string& key);
  void PutInstance(const Place& place, std::string_view value, const std::string& key);

  bool HasRoom(const Place& place);  // or it is there already

  const std::string prefix_;
  const std::size_t most_;
  std::size_t count_ = 0, beyond_ = 0;  // entries of services and instances; keys without a place
  std::uint64_t life_ = 0;
  std::map<ServiceKey, Service> services_;
  std::map<std::string, std::uint64_t, std::less<>> strange_;  // keys that are neither, with their life
};

// The end of the range of all keys that begin with `prefix`; "\0" (all keys) when there is none.
std::string RangeEnd(std::string prefix);

}  // namespace weft::intake::etcd
