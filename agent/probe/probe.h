#pragma once
// Active health checks: for each instance of a service whose policy has them, a GET of the path (2xx and 3xx
// pass) or a TCP connect, every interval with a tenth of jitter, the first one at a random moment of the
// first interval. Results go to whoever asked; hysteresis and ejection are agent/health's business. Thread
// rule: the io_context's one thread.

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "common/net/key.h"
#include "common/snapshot/snapshot.h"

namespace weft::probe {

struct Result {
  BackendKey backend;
  std::uint64_t instance = 0;  // snapshot::Instance::hash
  bool passed = false;
  Duration took = Duration::zero();
};

class Prober {
 public:
  Prober(boost::asio::io_context& context, std::uint64_t seed, std::function<void(const Result&)> on_result);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Checks of instances that stayed go on in their rhythm.
  void Install(const snapshot::SnapshotPtr& snapshot);
  TimePoint LastCheck(const BackendKey& backend, std::uint64_t instance) const;  // its end; zero: never
  std::size_t checks() const;                                                    // instances under check

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::probe
