#pragma once
// Service keys as sessions hold them. Thousands of agents use the same few hundred services, and a key is
// three strings: each is there once for all that hold it.

#include <map>
#include <memory>
#include <mutex>

#include "common/net/key.h"

namespace weft::stream {

using SharedKey = std::shared_ptr<const ServiceKey>;

struct ByKey {  // order of the keys, not of where they are
  using is_transparent = void;
  static const ServiceKey& Of(const SharedKey& key) { return *key; }
  static const ServiceKey& Of(const ServiceKey& key) { return key; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return Of(a) < Of(b);
  }
};

// Any thread. It outlives whoever asks; keys outlive it.
class KeyPool {
 public:
  SharedKey Get(const ServiceKey& key);
  std::size_t size() const;  // keys that are held, and some that were

 private:
  mutable std::mutex mutex_;
  std::map<ServiceKey, std::weak_ptr<const ServiceKey>> keys_;
  std::size_t sweep_at_ = 1024;  // keys, when those that nobody holds go
};

}  // namespace weft::stream
