#pragma once
// Whether a failed attempt may be made again, and when. Rules in order; the first that applies decides:
//
//   stale connection   a reused connection closed without a byte of an answer, and the request is safe to
//   repeat or
//                      was never sent: once, at once, on a fresh connection; whatever the policy says
//   committed          a response head went to the client
//   not_replayable     the request body is not whole any more
//   not_retriable      retry.on and retry.codes do not list what happened
//   not_idempotent     the method may have had its effect, unless the request was never sent, carries
//   Idempotency-Key, or ended with a code of gRPC that retry.on lists
//   disabled, attempts, outer_hop, breaker_open, deadline, retry_after (longer than 5 s or
//   the deadline), budget
//
// Delay: Retry-After when given, else none for the first retry after a connect failure while another host is
// left, else full jitter U(0, min(max_backoff, backoff * 2^k)); Gateway API: b * 2^k + U(0, b * 2^k). Source:
// resilience.md 5. Pure; the budget belongs to one worker.

#include <cstdint>

#include "agent/retry/budget.h"
#include "common/message/head.h"
#include "common/policy/policy.h"
#include "common/random/random.h"
#include "common/time/time.h"

namespace weft::retry {

enum class Kind : std::uint8_t {
  kResponse,
  kConnectFailure,
  kReset,
  kTimeout,
  kFinal
};  // kFinal: never again

struct Situation {
  Kind kind = Kind::kFinal;
  std::uint16_t status = 0;  // of kResponse
  int grpc = -1;             // of kResponse: its grpc-status; -1: none
  message::Method method = message::Method::kGet;
  bool idempotency_key = false;
  bool never_sent = false;
  bool reused_connection = false;
  bool stale_used = false;  // the one immediate retry was made
  bool committed = false;
  bool replayable = true;
  bool breaker_open = false;
  bool experiment = false;    // sent where selection would not have: its 5xx is not the client's to bear
  bool other_hosts = false;   // an instance that was not tried is available
  std::uint32_t retries = 0;  // made so far, stale ones not counted
  std::uint32_t caller_attempt = 0;
  Duration retry_after = Duration::zero();
  Duration remaining = Duration::max();  // until the request's deadline
};

struct Verdict {
  bool retry = false;
  bool fresh = false;  // on a new connection
  Duration delay = Duration::zero();
  const char* why = "";
};

// A response with a grpc-status other than OK is judged by that alone.
bool Listed(const policy::Retry& policy, Kind kind, std::uint16_t status, int grpc = -1);
bool IsSafe(const Situation& s);
Verdict Decide(const policy::Retry& policy, const Situation& s, Budget& budget, Rng& rng, TimePoint now);

}  // namespace weft::retry
