#pragma once
// Who this agent is: a certificate with its key, and the roots by which peers are verified. Whatever speaks
// TLS takes it from a Source and looks again when it changes: the connection to the control plane does, the
// data path may. Keys are made here and leave the process only encrypted (seal.h).

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/time/time.h"
#include "common/x509/revoked.h"

namespace weft::identity {

struct Material {
  std::string uri;                 // spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICE
  std::string chain;               // PEM, the agent's own certificate first
  std::string key;                 // PEM
  std::string roots;               // PEM, all that are trusted now
  WallTime not_before, not_after;  // by the issuer's clock
  WallTime ends;                   // by ours: what the issuer said is left, from when it came
  x509::RevokedPtr revoked = {};   // certificates of peers that are good no longer; null: none

  bool ValidAt(WallTime now) const { return now < ends; }
};
using MaterialPtr = std::shared_ptr<const Material>;

class Source {
 public:
  virtual ~Source() = default;
  // The newest; null: there is none yet. It may have ended meanwhile. Any thread.
  virtual MaterialPtr Now() const = 0;
  // `changed` is called on the cold thread after each change, for as long as the source lives. Cold thread.
  virtual void Watch(std::function<void()> changed) = 0;
};

// A source that is told what there is. Set() on the cold thread.
class Holder final : public Source {
 public:
  MaterialPtr Now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void Watch(std::function<void()> changed) override { watchers_.push_back(std::move(changed)); }
  void Set(MaterialPtr material) {
    {
      const std::lock_guard lock(mutex_);
      now_ = std::move(material);
    }
    for (const auto& changed : watchers_) changed();
  }

 private:
  mutable std::mutex mutex_;  // guards `now_`
  MaterialPtr now_;
  std::vector<std::function<void()>> watchers_;
};

}  // namespace weft::identity
