#pragma once
// Counter-based randomness: a draw is a pure function of (seed, stream, purpose, index), so a recording
// replays to the same picks however threads interleaved. Source: the SplitMix64 finaliser (Steele, Lea, Flood
// 2014), applied twice over the mixed key. Not for secrets. Thread rule: plain values.

#include <cstdint>

namespace weft {

enum class Purpose : std::uint16_t {
  kRoute = 1,  // weighted backendRefs
  kMirror = 2,
  kSelect = 3,  // instance picks
  kBackoff = 4,
  kRequestId = 5,
  kOpenDuration = 6,
  kEjection = 7,
  kProbe = 8,
  kReconnect = 9,
  kReconnectSpread = 10,
  kShed = 11,
  kTest = 1000,
  kSimulation = 1001,  // of a simulated world, not of a decision
};

std::uint64_t Mix(std::uint64_t seed, std::uint64_t stream, Purpose purpose, std::uint64_t index);

class Rng {
 public:
  // `stream` is what the draws belong to: a request's number, an instance's hash.
  // `index` is where in the stream to begin.
  Rng(std::uint64_t seed, std::uint64_t stream, std::uint64_t index = 0)
      : seed_(seed), stream_(stream), index_(index) {}

  std::uint64_t Next(Purpose purpose) { return Mix(seed_, stream_, purpose, index_++); }
  // Uniform in [0, n); n == 0 gives 0. Lemire's multiply-shift; the bias is below 2^-32 for n < 2^32.
  std::uint64_t Below(Purpose purpose, std::uint64_t n);
  double Unit(Purpose purpose);  // [0, 1), 53 bits

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t index_;
};

}  // namespace weft
