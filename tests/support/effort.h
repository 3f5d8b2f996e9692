// How much of a long random walk a test does. Sanitizers make each step twenty times slower and find what
// they look for within fewer of them; the release build does all.
#pragma once

namespace weft::support {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kShare = 10;
#else
constexpr int kShare = 1;
#endif

template <typename Count>
constexpr Count Steps(Count all) {
  return all / kShare;
}

}  // namespace weft::support
