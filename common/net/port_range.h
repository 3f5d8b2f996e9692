#pragma once
// Ports as people list them: "80", "8000-8010".

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace weft::net {

struct PortRange {
  std::uint16_t first = 0, last = 0;  // both included; from 1

  static Result<PortRange> Parse(std::string_view text);
  std::string ToString() const;
  bool Contains(std::uint16_t port) const { return first <= port && port <= last; }
};

}  // namespace weft::net
