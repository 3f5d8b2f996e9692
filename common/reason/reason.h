#pragma once
// Why a request ended as it did: one enum for the log, the metric label, the header x-weft-reason, the
// decision record and the command line. docs/reasons.md has a line for each (asserted by a test);
// agent/answer maps each to HTTP and gRPC. Names are part of the interface: add, never rename.

#include <cstdint>
#include <optional>
#include <string_view>

namespace weft {

enum class Reason : std::uint8_t {
  kOk,  // forwarded; whatever the upstream said
  // The mesh refuses before sending: 503.
  kBreakerOpen,
  kPendingOverflow,     // connectionPool.maxPending requests already wait for a connection
  kRequestOverflow,     // connectionPool.maxRequests are already in flight
  kConnectionOverflow,  // connectionPool.maxConnections reached and waiting is not allowed
  kNoInstances,         // the service has none
  kNoHealthyInstances,  // all are unhealthy, ejected or draining
  kConcurrency,
  kMemoryLimit,  // the worker's body budget is spent
  kNoConfig,     // no snapshot yet, or the service was not known in time
  kShutdown,     // this agent is stopping and its drain deadline passed
  kRateLimited,  // 429
  // Time: 504.
  kRequestTimeout,
  kAttemptTimeout,
  kConnectTimeout,
  kResponseHeadTimeout,
  kCallerDeadline,  // x-weft-deadline-ms of the caller passed
  kStreamIdle,
  // Upstream: 502.
  kConnectFailed,      // refused, unreachable
  kUpstreamReset,      // closed or reset before a complete response head
  kUpstreamTruncated,  // closed or reset in the middle of a response; the client's connection is cut
  kUpstreamMalformed,  // what it sent is not HTTP/1.1
  kUpstreamHeadTooLarge,
  kResolveFailed,  // the name of a host outside the mesh has no address, or did not resolve in time
  // Upstream, mutual TLS: 502, but kNoIdentity: 503.
  kPeerUntrusted,    // its certificate leads to none of our roots, or is of another trust domain
  kPeerIdentity,     // its certificate is good, but of another service
  kPeerExpired,      // its certificate has ended, or has not begun
  kPeerRevoked,      // its certificate was revoked
  kIdentityRefused,  // it refused our certificate
  kTlsFailed,        // the handshake failed otherwise
  kNoIdentity,       // the policy is strict, but this agent has no valid certificate or the instance no agent
  // Routing: 404.
  kNoRoute,
  kUnknownService,
  kAmbiguousService,  // 400: the host names several services
  kEgressDenied,      // 403: an unknown host in explicit mode that outbound.egress.allow does not list
  kNoBackend,         // 500: the rule matched but has no usable backendRef (Gateway API)
  kUnauthorized,      // 403
  kLoop,              // 508: the request would come back to this agent
  // The client: 4xx and 501.
  kBadRequest,           // 400: not HTTP/1.1 as RFC 9112 has it
  kUriTooLong,           // 414
  kHeadTooLarge,         // 431
  kBodyTooLarge,         // 413
  kHeadTimeout,          // 408
  kExpectationFailed,    // 417
  kUpgradeRefused,       // 501
  kConnectDenied,        // 403: CONNECT to a port that is HTTP
  kPlaintextRefused,     // 403: the policy is strict, the caller came without mutual TLS
  kNotImplemented,       // 501: a transfer coding or method we do not know
  kVersionNotSupported,  // 505
  kClientClosed,         // no answer possible; 499 in the log
  kShed,                 // 503: a breach is foreseen, and circuitBreaker.predict may act
  kBulkhead,             // 503: bulkheads.perCaller or perRoute are under way
  kCount,
};

inline constexpr std::size_t kReasonCount = static_cast<std::size_t>(Reason::kCount);

std::string_view ToString(Reason reason);  // "ok", "breaker_open", …: label, header and log value
std::string_view Sentence(Reason reason);  // one sentence for people, no full stop
std::optional<Reason> ParseReason(std::string_view name);

}  // namespace weft
