#include "controlplane/issues/advice.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace weft::issues {
namespace {

using Counted = std::vector<std::pair<std::uint64_t, std::string>>;

std::string Printed(const char* format, double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

bool IsFailure(Reason reason) { return reason != Reason::kOk && reason != Reason::kClientClosed; }

Counted FailuresByCause(const graph::Sum& sum) {
  Counted causes;
  std::uint64_t told = 0;
  for (std::size_t i = 0; i < sum.reasons.size(); ++i) {
    if (sum.reasons[i] == 0 || !IsFailure(static_cast<Reason>(i))) continue;
    causes.emplace_back(sum.reasons[i], std::string(ToString(static_cast<Reason>(i))));
    told += sum.reasons[i];
  }
  if (sum.failures > told) causes.emplace_back(sum.failures - told, "5xx from the service");
  std::stable_sort(causes.begin(), causes.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  return causes;
}

}  // namespace

std::string Percent(std::uint64_t some, std::uint64_t all) {
  return Printed("%.1f %%", all == 0 ? 0 : 100 * static_cast<double>(some) / static_cast<double>(all));
}

std::string Millis(std::uint32_t micros) { return Printed("%.1f ms", micros / 1e3); }

std::string Causes(const graph::Sum& sum) {
  std::string text;
  const Counted causes = FailuresByCause(sum);
  for (std::size_t i = 0; i < std::min<std::size_t>(causes.size(), 3); ++i)
    text += (i == 0 ? "" : ", ") + causes[i].second + " " + std::to_string(causes[i].first);
  return text;
}

std::string ErrorAdvice(const graph::Sum& sum, const std::string& to) {
  const Counted causes = FailuresByCause(sum);
  const std::string most = causes.empty() ? std::string() : causes[0].second;
  if (most == "connect_failed" || most == "connect_timeout")
    return "check that the instances of " + to +
           " run and listen where they are registered: weftctl instances " + to;
  if (most == "upstream_reset" || most == "upstream_truncated" || most == "upstream_malformed")
    return to + " breaks its connections: look for crashes and restarts in its own log";
  if (most.ends_with("_timeout") || most == "caller_deadline")
    return to +
           " is slower than timeouts allow: look at its latency, or raise timeouts in a ServicePolicy of " +
           to;
  if (most == "breaker_open")
    return "the circuit to " + to + " is open: find what opened it with weftctl explain";
  if (most == "no_instances" || most == "no_healthy_instances")
    return "start or repair instances of " + to + ": weftctl instances " + to;
  if (most.ends_with("_overflow"))
    return "raise the limits of connectionPool in a ServicePolicy of " + to + ", or add instances";
  if (most == "5xx from the service")
    return "look at the log of " + to + "; weftctl explain REQUEST-ID shows which instance answered";
  return "weftctl explain REQUEST-ID shows what was decided; docs/reasons.md explains " + most;
}

}  // namespace weft::issues
