#include <charconv>
#include <cmath>

#include "common/policy/merge.h"

namespace weft::policy {
namespace {

using Variables = std::map<std::string, std::string>;

// A variable as a number within bounds; none: not set. A wrong one is put into `problem`.
std::optional<double> Number(const Variables& variables, const std::string& name, double low, bool whole,
                             std::optional<Error>& problem) {
  const auto found = variables.find(name);
  if (found == variables.end() || problem) return std::nullopt;
  const std::string& text = found->second;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool parsed = error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
  if (parsed && number >= low && number <= 1e6 && (!whole || number == std::floor(number))) return number;
  problem =
      Invalid("\"" + text + "\" is not good: write a " + (whole ? "whole number" : "number") + " from " +
                  (low >= 1  ? "1"
                   : low > 0 ? "0.001"
                             : "0") +
                  " to 1000000",
              name, "environment");
  return std::nullopt;
}

std::optional<bool> Boolean(const Variables& variables, const std::string& name,
                            std::optional<Error>& problem) {
  const auto found = variables.find(name);
  if (found == variables.end() || problem) return std::nullopt;
  std::string text = found->second;
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  problem = Invalid("\"" + found->second + "\" is not good: write true or false", name, "environment");
  return std::nullopt;
}

std::optional<Duration> Seconds(std::optional<double> number) {
  if (!number) return std::nullopt;
  return std::chrono::round<Duration>(std::chrono::duration<double>(*number));
}

std::optional<std::uint32_t> Count(std::optional<double> number) {
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

Result<PolicySpec> FromEnvironment(const Variables& variables) {
  constexpr double kShortest = 0.001;
  std::optional<Error> problem;
  PolicySpec spec;
  const auto number = [&](const char* name, double low, bool whole) {
    return Number(variables, name, low, whole, problem);
  };
  spec.circuit_breaker.enabled = Boolean(variables, "CIRCUIT_BREAKER_ENABLED", problem);
  spec.circuit_breaker.failure_threshold = number("CIRCUIT_BREAKER_FAILURE_THRESHOLD", 1, false);
  spec.circuit_breaker.open_duration = Seconds(number("CIRCUIT_BREAKER_TIMEOUT_SECONDS", kShortest, false));
  spec.health_check.interval = Seconds(number("HEALTH_CHECK_INTERVAL_SECONDS", kShortest, false));
  spec.health_check.timeout = Seconds(number("HEALTH_CHECK_TIMEOUT_SECONDS", kShortest, false));
  spec.connection_pool.max_keepalive = Count(number("DEFAULT_MAX_KEEPALIVE_CONNECTIONS", 0, true));
  spec.connection_pool.max_connections = Count(number("DEFAULT_MAX_CONNECTIONS", 0, true));
  spec.connection_pool.keepalive_expiry = Seconds(number("DEFAULT_KEEPALIVE_EXPIRY", kShortest, false));
  if (problem) return *problem;
  const Layer layer{&spec, "environment"};
  const std::vector<Contradiction> contradictions = FindContradictions(Merge({&layer, 1}));
  if (!contradictions.empty()) return Invalid(contradictions[0].text, contradictions[0].field, "environment");
  return spec;
}

}  // namespace weft::policy
