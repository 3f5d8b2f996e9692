#pragma once
// Who may open another stream: a node that opens too many within a short time is refused until that has
// passed. Bounded in memory; pure: time comes in. Not thread safe.

#include <cstdint>
#include <string>
#include <unordered_map>

#include "common/result/result.h"
#include "common/time/time.h"

namespace weft::stream {

// A node that opens more streams within kReopenSpan than kMaxReopens is refused.
inline constexpr std::uint32_t kMaxReopens = 20;
inline constexpr Duration kReopenSpan = std::chrono::seconds(10);

class Reopens {
 public:
  Status Admit(const std::string& node, TimePoint now);  // kOverloaded

 private:
  struct Count {
    TimePoint since;
    std::uint32_t opened = 0;
  };
  std::unordered_map<std::string, Count> nodes_;
};

}  // namespace weft::stream
