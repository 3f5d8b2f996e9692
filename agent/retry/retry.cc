#include "agent/retry/retry.h"

#include <algorithm>

namespace weft::retry {
namespace {

constexpr Duration kMostRetryAfter = std::chrono::seconds(5);

std::uint32_t BitOfGrpc(int code) {
  switch (code) {
    case 1: return policy::kOnGrpcCancelled;
    case 4: return policy::kOnGrpcDeadlineExceeded;
    case 8: return policy::kOnGrpcResourceExhausted;
    case 13: return policy::kOnGrpcInternal;
    case 14: return policy::kOnGrpcUnavailable;
    default: return 0;
  }
}

bool ByGrpc(Kind kind, int grpc) { return kind == Kind::kResponse && grpc > 0; }

std::uint32_t BitOf(Kind kind, std::uint16_t status) {
  switch (kind) {
    case Kind::kConnectFailure: return policy::kOnConnectFailure;
    case Kind::kReset: return policy::kOnReset;
    case Kind::kTimeout: return policy::kOnAttemptTimeout;
    case Kind::kFinal: return 0;
    case Kind::kResponse: break;
  }
  switch (status) {
    case 429: return policy::kOn429;
    case 500: return policy::kOn500;
    case 502: return policy::kOn502;
    case 503: return policy::kOn503;
    case 504: return policy::kOn504;
    default: return 0;
  }
}

Duration Backoff(const policy::Retry& policy, const Situation& s, Rng& rng) {
  if (s.retry_after > Duration::zero()) return s.retry_after;
  const std::int64_t grown = policy.backoff.count() << std::min(s.retries, 10U);
  const double unit = rng.Unit(Purpose::kBackoff);
  if (policy.backoff_is_minimum) {
    return Duration(grown + static_cast<std::int64_t>(unit * static_cast<double>(grown)));
  }
  if (s.kind == Kind::kConnectFailure && s.retries == 0 && s.other_hosts) return Duration::zero();
  const std::int64_t most = std::min(grown, policy.max_backoff.count());
  return Duration(static_cast<std::int64_t>(unit * static_cast<double>(most)));
}

const char* Forbidden(const policy::Retry& policy, const Situation& s) {
  if (s.committed) return "committed";
  if (!s.replayable) return "not_replayable";
  if (!Listed(policy, s.kind, s.status, s.grpc) && !s.experiment) return "not_retriable";
  if (!IsSafe(s)) return "not_idempotent";
  if (!policy.enabled) return "disabled";
  if (s.caller_attempt > 1) return "outer_hop";
  if (s.retries >= policy.attempts) return "attempts";
  if (s.breaker_open) return "breaker_open";
  if (s.retry_after > kMostRetryAfter) return "retry_after";
  return nullptr;
}

}  // namespace

bool Listed(const policy::Retry& policy, Kind kind, std::uint16_t status, int grpc) {
  if (ByGrpc(kind, grpc)) return (policy.on & BitOfGrpc(grpc)) != 0;
  if ((policy.on & BitOf(kind, status)) != 0) return true;
  return kind == Kind::kResponse &&
         std::find(policy.codes.begin(), policy.codes.end(), status) != policy.codes.end();
}

bool IsSafe(const Situation& s) {
  return s.never_sent || s.idempotency_key || message::IsIdempotent(s.method) || ByGrpc(s.kind, s.grpc);
}

Verdict Decide(const policy::Retry& policy, const Situation& s, Budget& budget, Rng& rng, TimePoint now) {
  const bool stale =
      s.kind == Kind::kReset && s.reused_connection && !s.stale_used && !s.committed && s.replayable;
  if (stale && IsSafe(s) && s.remaining > Duration::zero())
    return {true, true, Duration::zero(), "stale_connection"};
  if (const char* why = Forbidden(policy, s)) return {false, false, {}, why};
  const Duration delay = Backoff(policy, s, rng);
  if (delay >= s.remaining) return {false, false, {}, "deadline"};
  if (!budget.TryTake(policy, now)) return {false, false, {}, "budget"};
  return {true, false, delay, "retry"};
}

}  // namespace weft::retry
