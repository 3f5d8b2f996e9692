#include "common/reason/reason.h"

#include <algorithm>
#include <array>

namespace weft {
namespace {

struct Row {
  std::string_view name, sentence;
};

constexpr std::array<Row, kReasonCount> kRows = {{
    {"ok", "the request was forwarded"},
    {"breaker_open", "the circuit breaker of the service is open"},
    {"pending_overflow", "too many requests already wait for a connection"},
    {"request_overflow", "too many requests to the service are in flight"},
    {"connection_overflow", "every allowed connection to the service is in use"},
    {"no_instances", "the service has no instances"},
    {"no_healthy_instances", "every instance of the service is unhealthy, ejected or draining"},
    {"concurrency", "the concurrency limit is reached"},
    {"memory_limit", "the memory set aside for request bodies is in use"},
    {"no_config", "no configuration for the service has arrived yet"},
    {"shutdown", "the agent is shutting down"},
    {"rate_limited", "the rate limit is reached"},
    {"request_timeout", "the request took longer than timeouts.request"},
    {"attempt_timeout", "the attempt took longer than timeouts.attempt"},
    {"connect_timeout", "the instance did not accept a connection within timeouts.connect"},
    {"response_head_timeout", "the instance sent no response head within timeouts.responseHead"},
    {"caller_deadline", "the caller's own deadline passed"},
    {"stream_idle", "no byte moved for timeouts.streamIdle"},
    {"connect_failed", "the instance refused the connection or was unreachable"},
    {"upstream_reset", "the instance closed the connection before it answered"},
    {"upstream_truncated", "the instance closed the connection in the middle of its answer"},
    {"upstream_malformed", "the answer of the instance is not valid HTTP"},
    {"upstream_head_too_large", "the head of the answer is larger than limits.headerBytes"},
    {"resolve_failed", "the host is outside the mesh and its name did not resolve"},
    {"peer_untrusted", "the certificate of the instance is not one of this mesh"},
    {"peer_identity", "the certificate of the instance is that of another service"},
    {"peer_expired", "the certificate of the instance is not valid now"},
    {"peer_revoked", "the certificate of the instance was revoked"},
    {"identity_refused", "the instance refused the certificate of this agent"},
    {"tls_failed", "the TLS handshake with the instance failed"},
    {"no_identity", "mutual TLS is required, but one of the two sides has no identity"},
    {"no_route", "no rule of the routes of the service matches"},
    {"unknown_service", "no service has this name"},
    {"ambiguous_service", "the host names more than one service"},
    {"egress_denied", "the host is not a service and outbound.egress.allow does not list it"},
    {"no_backend", "the matching rule has no usable backend"},
    {"unauthorized", "the caller may not do this"},
    {"loop", "the request would come back to this agent"},
    {"bad_request", "the request is not valid HTTP"},
    {"uri_too_long", "the request target is longer than limits.headerBytes allows"},
    {"head_too_large",
     "the request head is larger than limits.headerBytes or has more than limits.headers fields"},
    {"body_too_large", "the request body is larger than allowed"},
    {"head_timeout", "the request head did not arrive within limits.requestHead"},
    {"expectation_failed", "the Expect header asks for something other than 100-continue"},
    {"upgrade_refused", "an upgrade to HTTP/2 beside another protocol, or a CONNECT to an application"},
    {"connect_denied",
     "CONNECT reaches TCP and TLS ports only: ask the proxy for http://, or declare the port TCP"},
    {"plaintext_refused", "the service accepts mutual TLS only"},
    {"not_implemented", "the transfer coding is not supported"},
    {"version_not_supported", "the HTTP version is not supported"},
    {"client_closed", "the client went away"},
    {"shed", "the service is about to be overrun, so some of its requests are refused"},
    {"bulkhead", "this caller, or this route, has as many requests under way as it may"},
}};

}  // namespace

std::string_view ToString(Reason reason) { return kRows[static_cast<std::size_t>(reason)].name; }
std::string_view Sentence(Reason reason) { return kRows[static_cast<std::size_t>(reason)].sentence; }

std::optional<Reason> ParseReason(std::string_view name) {
  const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.name == name; });
  if (row == kRows.end()) return std::nullopt;
  return static_cast<Reason>(row - kRows.begin());
}

}  // namespace weft
