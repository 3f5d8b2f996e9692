#include "agent/report/labels.h"

#include <array>

namespace weft::report {
namespace {

// UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS: the server's fault.
bool IsGrpcFailure(int status) {
  return status == 2 || status == 4 || status == 12 || status == 13 || status == 14 || status == 15;
}

bool IsClients(Reason reason) {
  return (reason >= Reason::kBadRequest && reason < Reason::kShed) || reason == Reason::kCallerDeadline;
}

}  // namespace

Classification Classify(Reason reason, int status, int grpc_status) {
  if (reason != Reason::kOk) return IsClients(reason) ? Classification::kIgnored : Classification::kFailure;
  return status >= 500 || IsGrpcFailure(grpc_status) ? Classification::kFailure : Classification::kSuccess;
}

std::string_view ToString(Classification classification) {
  constexpr std::array<std::string_view, kClassifications> kNames = {"success", "failure", "ignored"};
  return kNames[static_cast<std::size_t>(classification)];
}

std::string_view MethodClass(message::Method method) {
  if (message::IsSafe(method)) return "safe";
  return message::IsIdempotent(method) ? "idempotent" : "other";
}

std::string_view CodeClass(int status) {
  constexpr std::array<std::string_view, 6> kNames = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  return status >= 100 && status < 600 ? kNames[static_cast<std::size_t>(status / 100)] : kNames[0];
}

std::size_t AttemptOutcome(const engine::AttemptResult& result) {
  if (result.outcome == engine::Outcome::kResponse) return result.status >= 500 ? 1 : 0;
  return 1 + static_cast<std::size_t>(result.outcome);
}

std::string_view AttemptOutcomeName(std::size_t index) {
  constexpr std::array<std::string_view, kAttemptOutcomes> kNames = {"success",         "error_5xx",
                                                                     "connect_failed",  "connect_timeout",
                                                                     "reset",           "truncated",
                                                                     "malformed",       "attempt_timeout",
                                                                     "head_timeout",    "request_timeout",
                                                                     "caller_deadline", "client_closed",
                                                                     "outrun",          "local"};
  return kNames[index];
}

FailureKind KindOfFailure(Reason reason, int status, Duration took, Duration slow) {
  switch (reason) {
    case Reason::kRequestTimeout:
    case Reason::kAttemptTimeout:
    case Reason::kConnectTimeout:
    case Reason::kResponseHeadTimeout:
    case Reason::kStreamIdle: return FailureKind::kTimeout;
    case Reason::kConnectFailed:
    case Reason::kUpstreamReset:
    case Reason::kUpstreamTruncated:
    case Reason::kUpstreamMalformed:
    case Reason::kUpstreamHeadTooLarge: return FailureKind::kConnection;
    case Reason::kOk: break;
    default: return FailureKind::kNone;  // refused before it was sent, or the client's doing
  }
  if (status >= 500) return FailureKind::kError5xx;
  if (status >= 400) return FailureKind::kError4xx;
  return slow != Duration::zero() && took > slow ? FailureKind::kSlow : FailureKind::kNone;
}

std::string_view ToString(StreamKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"tcp", "tls", "connect", "upgrade"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view ToString(Detection detection) {
  constexpr std::array<std::string_view, 5> kNames = {"http", "tls", "opaque", "silent", "learned"};
  return kNames[static_cast<std::size_t>(detection)];
}

std::string_view ToString(Security security) { return security == Security::kMtls ? "mtls" : "plain"; }

std::string_view ToString(MirrorResult result) {
  constexpr std::array<std::string_view, kMirrorResults> kNames = {"answered", "failed", "overflow",
                                                                   "incomplete"};
  return kNames[static_cast<std::size_t>(result)];
}

std::string_view ToString(engine::Direction direction) {
  return direction == engine::Direction::kOutbound ? "outbound" : "inbound";
}

std::string_view ToString(engine::InstanceState state) {
  constexpr std::array<std::string_view, 5> kNames = {"healthy", "degraded", "unhealthy", "ejected",
                                                      "probing"};
  return kNames[static_cast<std::size_t>(state)];
}

}  // namespace weft::report
