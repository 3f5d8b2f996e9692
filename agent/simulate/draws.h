#pragma once
// Random quantities of a simulated world. Each belongs to a stream (what it is for) and a number (of the
// request, the server, the step), so that every policy that is compared meets the same arrivals, the same
// work and the same faults: common random numbers. Pure.

#include <cmath>
#include <cstdint>
#include <numbers>

#include "common/random/random.h"
#include "common/time/time.h"

namespace weft::simulate {

enum class Stream : std::uint8_t {
  kArrival = 1,  // gaps between requests
  kClient,       // who makes a request
  kWork,         // how much it asks for
  kFault,        // whether an answer is an error
  kAntagonist,   // what else runs beside a server
  kKey,          // what a request asks for
  kPolicy,       // choices of a policy that is compared
};

class Draws {
 public:
  explicit Draws(std::uint64_t seed) : seed_(seed) {}

  std::uint64_t seed() const { return seed_; }
  std::uint64_t Below(Stream stream, std::uint64_t number, std::uint64_t n, std::uint64_t index = 0) const {
    return Of(stream, number, index).Below(Purpose::kSimulation, n);
  }
  double Unit(Stream stream, std::uint64_t number, std::uint64_t index = 0) const {
    return Of(stream, number, index).Unit(Purpose::kSimulation);
  }
  // All of mean 1.
  double Exponential(Stream stream, std::uint64_t number, std::uint64_t index = 0) const {
    return -std::log1p(-Unit(stream, number, index));
  }
  double LogNormal(Stream stream, std::uint64_t number, double sigma, std::uint64_t index = 0) const {
    return std::exp(sigma * Normal(stream, number, index) - sigma * sigma / 2);
  }
  // Of mean 0 and deviation 1, by Box and Muller; takes two draws from `index` on.
  double Normal(Stream stream, std::uint64_t number, std::uint64_t index = 0) const {
    Rng rng = Of(stream, number, index);
    const double radius = std::sqrt(-2 * std::log1p(-rng.Unit(Purpose::kSimulation)));
    return radius * std::cos(2 * std::numbers::pi * rng.Unit(Purpose::kSimulation));
  }

 private:
  Rng Of(Stream stream, std::uint64_t number, std::uint64_t index) const {
    return Rng(seed_, static_cast<std::uint64_t>(stream) << 56 | number, index);
  }
  std::uint64_t seed_;
};

inline Duration Seconds(double seconds) { return Duration(static_cast<std::int64_t>(seconds * 1e9)); }
inline double InSeconds(Duration span) { return static_cast<double>(span.count()) / 1e9; }

}  // namespace weft::simulate
