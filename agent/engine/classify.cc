#include "agent/engine/classify.h"

#include <algorithm>

namespace weft::engine {
namespace {

constexpr double kTimeout = 2.0, kConnection = 2.0, kError = 1.5, kSlow = 1.0;

bool IsSlow(Duration took, const policy::CircuitBreaker& policy) {
  return policy.slow_response > Duration::zero() && took >= policy.slow_response;
}

bool IsTimeout(Outcome outcome) {
  return outcome == Outcome::kAttemptTimeout || outcome == Outcome::kHeadTimeout ||
         outcome == Outcome::kRequestTimeout;
}

bool SaysNothing(Outcome outcome) {
  return outcome == Outcome::kCallerDeadline || outcome == Outcome::kClientClosed ||
         outcome == Outcome::kOutrun || outcome == Outcome::kLocal;
}

}  // namespace

const char* ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kResponse: return "response";
    case Outcome::kConnectFailed: return "connect_failed";
    case Outcome::kConnectTimeout: return "connect_timeout";
    case Outcome::kReset: return "reset";
    case Outcome::kTruncated: return "truncated";
    case Outcome::kMalformed: return "malformed";
    case Outcome::kAttemptTimeout: return "attempt_timeout";
    case Outcome::kHeadTimeout: return "head_timeout";
    case Outcome::kRequestTimeout: return "request_timeout";
    case Outcome::kCallerDeadline: return "caller_deadline";
    case Outcome::kClientClosed: return "client_closed";
    case Outcome::kOutrun: return "outrun";
    case Outcome::kLocal: return "local";
  }
  return "local";
}

Weight WeighAttempt(const AttemptResult& result, Duration took, const policy::CircuitBreaker& policy) {
  if (SaysNothing(result.outcome)) {
    const bool left = result.outcome == Outcome::kClientClosed || result.outcome == Outcome::kOutrun;
    const bool waited = left && IsSlow(took, policy);
    return waited ? Weight{true, kSlow, false, false} : Weight{};
  }
  if (IsTimeout(result.outcome)) return {true, kTimeout, false, true};
  if (result.outcome != Outcome::kResponse) return {true, kConnection, false, true};
  if (result.status >= 500 || result.status == 429) return {true, kError, false, false};
  return {true, IsSlow(took, policy) ? kSlow : 0, false, false};
}

Weight WeighFinal(const AttemptResult& last, Reason reason, Duration took,
                  const policy::CircuitBreaker& policy) {
  const double slow = IsSlow(took, policy) ? policy.weight_slow : 0;
  if (reason == Reason::kCallerDeadline) return {};
  if (reason == Reason::kClientClosed) return slow > 0 ? Weight{true, slow, false, false} : Weight{};
  if (reason == Reason::kRequestTimeout || IsTimeout(last.outcome))
    return {true, policy.weight_timeout, false, true};
  if (SaysNothing(last.outcome)) return {};
  if (last.outcome == Outcome::kConnectTimeout) {
    return {true, std::max(policy.weight_timeout, policy.weight_connection), false, true};
  }
  if (last.outcome != Outcome::kResponse) return {true, policy.weight_connection, false, true};
  if (last.status >= 500) return {true, std::max(policy.weight_5xx, slow), false, false};
  if (last.status >= 400) {
    return slow > policy.weight_4xx ? Weight{true, slow, false, false}
                                    : Weight{true, policy.weight_4xx, true, false};
  }
  return {true, slow, false, false};
}

retry::Kind KindOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kResponse: return retry::Kind::kResponse;
    case Outcome::kConnectFailed:
    case Outcome::kConnectTimeout: return retry::Kind::kConnectFailure;
    case Outcome::kReset: return retry::Kind::kReset;
    case Outcome::kAttemptTimeout:
    case Outcome::kHeadTimeout: return retry::Kind::kTimeout;
    case Outcome::kTruncated:
    case Outcome::kMalformed:
    case Outcome::kRequestTimeout:
    case Outcome::kCallerDeadline:
    case Outcome::kClientClosed:
    case Outcome::kOutrun:
    case Outcome::kLocal: break;
  }
  return retry::Kind::kFinal;
}

}  // namespace weft::engine
