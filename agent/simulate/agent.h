#pragma once
// A client whose decisions are Weft's: the engine and aggregator of one agent with one worker, the same
// objects as in weft-agent. Nothing of their decisions is copied here; this only carries values between them
// and the world.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/engine/aggregator.h"
#include "agent/engine/engine.h"
#include "agent/simulate/decider.h"
#include "agent/simulate/tally.h"

namespace weft::simulate {

struct AgentSettings {
  std::uint64_t seed = 1;
  std::uint32_t client = 0;  // for the log of changes
  std::string ns = "default";
  std::string authority = "cart";
  std::string path = "/";
  std::string zone = {};
  std::string key_header = {};  // carries Flight::key; empty: not sent
  decision::Recorder* recorder = nullptr;
};

class Agent final : public Decider {
 public:
  // `servers`: by snapshot::Instance::hash, the index of the server that plays it. The tally takes changes of
  // state; may be null.
  Agent(const AgentSettings& settings, snapshot::SnapshotPtr snapshot,
        std::shared_ptr<const std::unordered_map<std::uint64_t, std::uint32_t>> servers, Tally* tally,
        TimePoint now);
  ~Agent() override;

  Terms Start(const Flight& flight, TimePoint now) override;
  std::uint32_t Pick(const Flight& flight, TimePoint now, Reason& why) override;
  Duration HeadTimeout(const Flight& flight) const override;
  Duration SecondAfter(const Flight& flight) const override;
  std::uint32_t PickSecond(const Flight& flight, TimePoint now) override;
  void SecondEnded(const Flight& flight, TimePoint now) override;
  bool IsAnswer(const Flight& flight, const engine::AttemptResult& result) const override;
  Repeat Ended(const Flight& flight, TimePoint now) override;
  void Finish(const Flight& flight, Reason reason, std::uint16_t status, TimePoint now) override;
  void Tick(TimePoint now) override;

  void Install(snapshot::SnapshotPtr snapshot, TimePoint now);
  engine::Engine& engine() { return engine_; }
  engine::Shared& shared() { return shared_; }

 private:
  struct Circuit {
    std::shared_ptr<engine::SharedBackend> shared;
    breaker::State state = breaker::State::kClosed;
    std::uint32_t generation = 0;
  };
  engine::Call& CallOf(const Flight& flight);
  void NoteCircuits(TimePoint now);

  AgentSettings settings_;
  engine::Shared shared_;
  engine::Aggregator aggregator_;
  engine::Engine engine_;
  std::shared_ptr<const std::unordered_map<std::uint64_t, std::uint32_t>> servers_;
  Tally* tally_;
  message::RequestHead head_;
  std::string key_;
  std::vector<std::unique_ptr<engine::Call>> calls_;  // by flight index
  std::unordered_map<const engine::Backend*, Circuit> circuits_;
};

// A service "default/cart" on port 80 with `instances` of ids "cart-0", … on the servers of the same index.
struct Cart {
  snapshot::SnapshotPtr snapshot;
  std::shared_ptr<const std::unordered_map<std::uint64_t, std::uint32_t>> servers;
};
// `zones`: of each instance; shorter: the last ones have none.
Cart MakeCart(std::uint32_t instances, const policy::ServicePolicy& policy,
              const std::vector<std::string>& zones = {});

}  // namespace weft::simulate
