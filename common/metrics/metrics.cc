#include "common/metrics/metrics.h"

namespace weft::metrics {

Cell g_nowhere{0};

Bounds::Bounds(std::vector<std::uint64_t> bounds) : upper(std::move(bounds)) {
  for (std::size_t width = 0; width < first.size(); ++width) {
    const std::uint64_t smallest = width == 0 ? 0 : std::uint64_t{1} << (width - 1);
    std::size_t i = 0;
    while (i < upper.size() && smallest > upper[i]) ++i;
    first[width] = static_cast<std::uint8_t>(i);
  }
}

const Bounds& LatencyBounds() {
  constexpr std::uint64_t kMicrosecond = 1000, kMillisecond = 1000 * kMicrosecond,
                          kSecond = 1000 * kMillisecond;
  static const Bounds bounds({500 * kMicrosecond, kMillisecond, 2500 * kMicrosecond, 5 * kMillisecond,
                              10 * kMillisecond, 25 * kMillisecond, 50 * kMillisecond, 100 * kMillisecond,
                              250 * kMillisecond, 500 * kMillisecond, kSecond, 2500 * kMillisecond,
                              5 * kSecond, 10 * kSecond, 30 * kSecond, 60 * kSecond});
  return bounds;
}

}  // namespace weft::metrics
