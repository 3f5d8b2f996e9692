#pragma once
// A client put together from others' parts: a rule of selection, an ejector, a breaker, retries. Thread rule:
// one thread.

#include <memory>
#include <vector>

#include "agent/simulate/decider.h"
#include "agent/simulate/tally.h"
#include "tests/sim/baseline/balancer.h"
#include "tests/sim/baseline/breaker.h"
#include "tests/sim/baseline/ejector.h"

namespace weft::sim {

struct Parts {
  std::unique_ptr<Balancer> balancer;
  std::unique_ptr<Ejector> ejector;         // may be null
  std::unique_ptr<ServiceBreaker> breaker;  // may be null
  std::uint32_t retries = 0;
  bool excludes = false;  // a retry goes elsewhere
  bool retries_500 = false;
  double budget = 0;                                 // retries per request; zero: no bound
  Duration backoff = std::chrono::milliseconds(25);  // full jitter, doubling
  Duration attempt_timeout = Duration::zero(), request_timeout = Duration::zero();
  Duration connect_timeout = std::chrono::seconds(1);
  double panic = 0.5;  // below this share of instances all are used (Envoy)
};

class Baseline final : public simulate::Decider {
 public:
  Baseline(Parts parts, std::uint32_t servers, std::uint64_t seed, std::uint32_t client,
           simulate::Tally* tally);

  simulate::Terms Start(const simulate::Flight& flight, TimePoint now) override;
  std::uint32_t Pick(const simulate::Flight& flight, TimePoint now, Reason& why) override;
  simulate::Repeat Ended(const simulate::Flight& flight, TimePoint now) override;
  void Finish(const simulate::Flight& flight, Reason reason, std::uint16_t status, TimePoint now) override;
  void Tick(TimePoint now) override;

  Ejector* ejector() { return parts_.ejector.get(); }
  ServiceBreaker* breaker() { return parts_.breaker.get(); }

 private:
  using Tried = std::vector<std::uint32_t>;
  Tried& TriedBy(const simulate::Flight& flight);
  void Note(TimePoint now);

  Parts parts_;
  simulate::Draws draws_;
  std::uint32_t client_;
  simulate::Tally* tally_;
  std::vector<std::uint32_t> all_, usable_;
  std::vector<Tried> tried_;  // by flight index
  std::vector<bool> admitted_;
  std::vector<bool> told_out_;
  double tokens_ = 3;
};

}  // namespace weft::sim
