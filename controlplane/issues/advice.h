#pragma once
// The words of issues: evidence and suggestions made of what was counted. Pure.

#include <string>

#include "controlplane/graph/window.h"

namespace weft::issues {

std::string Percent(std::uint64_t some, std::uint64_t all);  // "12.5 %"
std::string Millis(std::uint32_t micros);                    // "3.2 ms"

// "connect_failed 12, 5xx from the service 3": at most three, the most frequent first.
std::string Causes(const graph::Sum& sum);
// By the most frequent cause of the failures.
std::string ErrorAdvice(const graph::Sum& sum, const std::string& to);

}  // namespace weft::issues
