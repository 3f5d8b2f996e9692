// What a worker lets go of, so that services and applications that come and go do not add up. Only by `now`
// and by what the recording has in it (requests, connections), so that a replay forgets at the same tick: the
// pool lets go of a removed instance without connections before the tick.
#include <algorithm>

#include "agent/engine/impl.h"

namespace weft::engine {
namespace {

constexpr Duration kGrace =
    std::chrono::minutes(10);            // a service that flaps keeps circuit, budget and windows
constexpr std::size_t kMostGone = 1024;  // then those gone longest are forgotten sooner

bool Gone(const Backend& backend) { return backend.state->gone_since != TimePoint(); }

}  // namespace

void Engine::Impl::ForgetUnused(TimePoint now) {
  std::vector<Backend*> gone;
  for (const auto& backend : backends) {
    FreeRemoved(*backend);
    if (backend->inbound) ForgetApplications(*backend, now);
    if (Gone(*backend)) gone.push_back(backend.get());
  }
  const auto since = [](const Backend* b) { return b->state->gone_since; };
  std::size_t excess = 0;
  if (gone.size() > kMostGone) {
    excess = gone.size() - kMostGone;
    std::stable_sort(gone.begin(), gone.end(), [&](Backend* a, Backend* b) { return since(a) < since(b); });
  }
  for (std::size_t i = 0; i < gone.size(); ++i) {
    const Backend& backend = *gone[i];
    const bool used = backend.in_flight > 0 || backend.waiting > 0 || !backend.targets.empty();
    if (used || (i >= excess && now - since(&backend) < kGrace)) continue;
    (backend.inbound ? inbound_by_key : by_key).erase(backend.key);
    forgotten.emplace_back(backend.key, DirectionOf(backend));
    gone[i]->state->forget = true;
  }
  if (!gone.empty()) std::erase_if(backends, [](const auto& backend) { return backend->state->forget; });
}

// Transparent: one for every port that somebody asked for. What nobody asked for that long goes as a removed
// instance does, at a later tick.
void Engine::Impl::ForgetApplications(Backend& backend, TimePoint now) {
  for (const auto& target : backend.targets) {
    if (target->node.in_flight > 0 || target->connections > 0) {
      target->unused_since = {};
    } else if (target->unused_since == TimePoint()) {
      target->unused_since = now;
    } else if (now - target->unused_since >= kGrace) {
      target->removed = true;
    }
  }
  backend.state->MarkGone(backend.targets.empty(), now);
}

}  // namespace weft::engine
