#include "common/random/random.h"

namespace weft {
namespace {

std::uint64_t Finalise(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15U;

}  // namespace

std::uint64_t Mix(std::uint64_t seed, std::uint64_t stream, Purpose purpose, std::uint64_t index) {
  const std::uint64_t key = Finalise(seed + kGolden * (stream + 1));
  return Finalise(key + kGolden * (static_cast<std::uint64_t>(purpose) << 48 | (index + 1)));
}

std::uint64_t Rng::Below(Purpose purpose, std::uint64_t n) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(Next(purpose)) * n) >> 64);
}

double Rng::Unit(Purpose purpose) { return static_cast<double>(Next(purpose) >> 11) * 0x1.0p-53; }

}  // namespace weft
