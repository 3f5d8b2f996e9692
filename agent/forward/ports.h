#pragma once
// Which of its service's ports a listener is. Pure.

#include <cstdint>
#include <string>

#include "common/snapshot/snapshot.h"

namespace weft::forward {

// `port`: name or number; empty: the one whose instances listen at `workload`, else the first. Zero: the
// service has none such.
std::uint16_t PortOf(const snapshot::Service& service, const std::string& port, std::uint16_t workload);

}  // namespace weft::forward
