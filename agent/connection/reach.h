#pragma once
// How an instance is reached: in plaintext, in mutual TLS, or not at all, by its service's policy, by what it
// is registered to be capable of, and by whether we have an identity now. Thread rule: one worker.

#include <memory>

#include "agent/connection/connection.h"
#include "agent/engine/engine.h"

namespace weft::connection {

enum class Protection : std::uint8_t {
  kPlain,
  kMtls,
  kNone
};  // kNone: the policy is strict, and it cannot be
Protection ProtectionOf(const Io& io, const engine::Target& target);

// Whether a connection that exists may carry further requests to `target`.
bool StillFits(const Io& io, const engine::Target& target, bool secured);

struct Reached {
  std::unique_ptr<transport::Transport> transport;  // connecting; null: `reason` says why
  Reason reason = Reason::kOk;
  bool secured = false;
};
Reached Reach(const Io& io, const engine::Target& target);
// Of a connection to `target` that was not made: our own want of an identity says nothing of the instance.
inline engine::Outcome OutcomeOf(Reason reason, const engine::Target& target) {
  const bool ours = reason == Reason::kNoIdentity && target.mtls;
  return ours ? engine::Outcome::kLocal : engine::Outcome::kConnectFailed;
}

}  // namespace weft::connection
