#pragma once
// Requests for services that a worker's snapshot lacks: asks the manager to subscribe and lets the held
// requests go on when it has answered. Names that do not exist are remembered for a while, so they cost the
// manager nothing. Thread rule: Ask on workers, the rest on the cold thread; it outlives neither manager nor
// forwarder.

#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "agent/app/plan.h"

namespace weft::app {

class Need {
 public:
  Need(cold::Cold& cold, config::Manager& manager, forward::Forwarder& forwarder, settings::Node node)
      : cold_(cold), manager_(manager), forwarder_(forwarder), node_(std::move(node)) {}

  // On the cold thread, when nobody knows the service: true when somebody else will answer the held requests.
  std::function<bool(std::size_t worker, const std::string& authority)> elsewhere;

  // True: the worker's AnswerHeld follows. False: nobody can know this name.
  bool Ask(std::size_t worker, std::string_view authority, const engine::Origin& origin);
  // True: the worker's AnswerAddress follows. False: it was no service's address a moment ago.
  bool AskAddress(std::size_t worker, const net::Address& address);

 private:
  // What was asked for and is not there, for a while. Any thread.
  template <class Key>
  class Missing {
   public:
    bool Has(const Key& key) {
      const std::lock_guard lock(mutex_);
      const auto found = until_.find(key);
      return found != until_.end() && ReadMonotonicClock() < found->second;
    }
    void Add(const Key& key) {
      const std::lock_guard lock(mutex_);
      if (until_.size() >= kMost) until_.clear();
      until_[key] = ReadMonotonicClock() + config::kNegative;
    }

   private:
    static constexpr std::size_t kMost = 1024;
    std::mutex mutex_;
    std::unordered_map<Key, TimePoint> until_;
  };

  void Answered(std::size_t worker, const std::string& authority, const ServiceKey& key, bool found);

  cold::Cold& cold_;
  config::Manager& manager_;
  forward::Forwarder& forwarder_;
  const settings::Node node_;
  Missing<ServiceKey> missing_;
  Missing<net::Address> missing_addresses_;
};

}  // namespace weft::app
