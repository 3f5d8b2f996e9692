#pragma once
// Ejection of single instances as others do it, from the outcomes of attempts. Thread rule: one thread.

#include <cstdint>
#include <memory>
#include <string>

#include "agent/simulate/draws.h"
#include "common/time/time.h"

namespace weft::sim {

class Ejector {
 public:
  virtual ~Ejector() = default;
  virtual bool IsOut(std::uint32_t server, TimePoint now) = 0;
  virtual void Ended(std::uint32_t server, bool good, TimePoint now) = 0;
  virtual void Tick(TimePoint) {}
  std::uint32_t ejections = 0;    // ever
  std::uint32_t transitions = 0;  // out and back in
};

// Envoy's outlier detection: consecutive 5xx (a time-out and a failed connection count as one), and of the
// success rates of a whole interval those below mean - factor * deviation. Ejected for base * times, looked
// at once per interval. Source: outlier_detection.proto and outlier_detection_impl.cc.
struct EnvoyOutlier {
  std::uint32_t consecutive = 5;  // zero: off
  double stdev_factor = 1.9;      // zero: off
  std::uint32_t fewest_hosts = 5, fewest_requests = 100;
  Duration interval = std::chrono::seconds(10), base = std::chrono::seconds(30),
           most = std::chrono::seconds(300);
  double most_percent = 10;
  // gRPC's A50 failure percentage: hosts above it with enough requests; zero: off.
  double failure_percent = 0;
  std::uint32_t failure_requests = 50;
};
std::unique_ptr<Ejector> MakeEjector(const EnvoyOutlier& settings, std::uint32_t servers);

// Linkerd's failure accrual: so many failures in a row, or a success rate below `success` over 10 s; back
// after a doubling, jittered time by one probe. Source: linkerd2-proxy breaker/unified.rs,
// consecutive_failures.rs.
struct LinkerdAccrual {
  std::uint32_t consecutive = 7;
  double success = 0;  // 0.8 in the unified policy; zero: off
  std::uint32_t fewest = 5;
  Duration least = std::chrono::seconds(1), most = std::chrono::seconds(60);
};
std::unique_ptr<Ejector> MakeEjector(const LinkerdAccrual& settings, std::uint32_t servers,
                                     std::uint64_t seed);

// The seeds' counters on traffic: `down` failures in a row take an instance out, `up` successes of one trial
// each 5 s bring it back.
struct Counters {
  std::uint32_t down = 3, up = 2;
  Duration check = std::chrono::seconds(5);
};
std::unique_ptr<Ejector> MakeEjector(const Counters& settings, std::uint32_t servers);

}  // namespace weft::sim
