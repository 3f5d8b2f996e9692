#include "controlplane/ctl/flow.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace weft::ctl {
namespace {

std::string Formatted(const char* format, double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

double Number(const Json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_number() ? found->get<double>() : 0;
}

}  // namespace

std::string SuccessText(const Json& flow) {
  return Number(flow, "requests") > 0 ? Formatted("%.2f%%", 100 * Number(flow, "successRate"))
                                      : std::string();
}

std::string RateText(const Json& flow) { return Formatted("%.1frps", Number(flow, "rps")); }

std::string LatencyText(const Json& flow, const char* key) {
  if (Number(flow, "requests") <= 0 || !flow.contains(key)) return {};
  return Formatted("%.0fms", std::round(Number(flow, key)));
}

}  // namespace weft::ctl
