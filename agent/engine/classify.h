#pragma once
// What an outcome weighs: for the instance that an attempt went to, and for the service port once a request
// is over. Source: resilience.md 1.2. 429 weighs like a 5xx for an instance, but like any 4xx for the
// service: one caller over its limit is no reason to refuse the others. Pure.

#include "agent/engine/call.h"
#include "agent/retry/retry.h"

namespace weft::engine {

const char* ToString(Outcome outcome);  // "response", "connect_failed", …

struct Weight {
  bool counts = false;  // false: says nothing about the upstream
  double points = 0;
  bool is_4xx = false;
  bool hard = false;  // a time-out or a connection failure
};

// Of one attempt, for instance health: the seeds' weights, whatever the breaker's are.
Weight WeighAttempt(const AttemptResult& result, Duration took, const policy::CircuitBreaker& policy);
// Of a finished request, for the breaker. `took` until the response head.
Weight WeighFinal(const AttemptResult& last, Reason reason, Duration took,
                  const policy::CircuitBreaker& policy);

retry::Kind KindOf(Outcome outcome);

}  // namespace weft::engine
