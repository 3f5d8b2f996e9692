#pragma once
// Rates, success and latency as linkerd prints them: "99.67%", "2.0rps", "123ms". Empty where nothing was
// measured. Pure.

#include <string>

#include "controlplane/ctl/client.h"

namespace weft::ctl {

// Of an object with requests, successRate, rps and percentiles in milliseconds.
std::string SuccessText(const Json& flow);
std::string RateText(const Json& flow);
std::string LatencyText(const Json& flow, const char* key);

}  // namespace weft::ctl
