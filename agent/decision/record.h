#pragma once
// What is kept about one request: what was decided, from which values, and how each attempt went. A record is
// a fixed head, its attempts and its candidates, copied into the rings of its worker (log.h). Names are
// numbers of the worker's Names; texts are static. Times are nanoseconds. Plain values.

#include <array>
#include <cstdint>
#include <string_view>

#include "agent/decision/names.h"
#include "common/reason/reason.h"
#include "common/time/time.h"

namespace weft::decision {

inline constexpr std::size_t kMostCandidates = 16;
inline constexpr std::size_t kMostAttempts = 8;
inline constexpr std::size_t kIdSize = 64;

enum class Standing : std::uint8_t {
  kPicked,      // chosen; a lower score is better
  kCompared,    // was looked at and lost
  kTrial,       // chosen as a trial request of an instance on probation
  kConfirming,  // chosen to confirm or refute a suspicion
  kTried,       // left out: an earlier attempt went there
  kEjected,
  kProbing,
  kUnhealthy,
  kDraining,
  kDrained,  // weight zero
  kRefused,  // passed over: it refused a connection less than a second ago
};
const char* ToString(Standing standing);

// Candidates and attempts are arrays of which only the first few count: deliberately without initial values.
struct Candidate {
  NameId instance;
  std::uint8_t attempt;  // from 0
  Standing standing;
  float score;  // of the balancer; zero: it computes none
};

struct Attempt {
  NameId instance;
  std::uint32_t status;  // zero: no response
  std::int64_t started;  // since the request began
  std::int64_t took;
  const char* outcome;
  const char* retry;  // why it was or was not repeated
  Reason reason;
};

// Values that decisions were made from.
struct Seen {
  const char* breaker = "closed";  // state at admission
  std::uint32_t breaker_generation = 0;
  bool breaker_trial = false;  // held one of the half-open permits, or was a scout
  std::uint8_t ramp = 0;       // percent of the requests that a recovering circuit let through; else zero
  std::uint8_t level = 0;      // with preferZone: 1 own zone, 2 own region, 3 elsewhere
  std::uint32_t concurrency_limit = 0;  // inbound; zero: none
  NameId rate_limit = kNoName;          // that refused it
  float risk = 0;                       // foreseen; zero: none, or not acted on
  float adaptive_timeout = 0;           // ms, of the last attempt; zero: none
  const char* bulkhead = nullptr;       // that refused it: "caller", "route"; null: none
  const char* hedge = nullptr;  // what became of the second attempt: "sent", or why not; null: it was not due
  float hedge_delay = 0;        // ms, after which it was due; zero: never
  bool panic = false;           // fewer than half of the instances were available: all were picked from
  float breaker_points = 0;     // weighted points of the last 10 s in this worker
  std::uint32_t breaker_requests = 0;
  float breaker_threshold = 0;  // points that would have opened it; zero: nothing was counted
  float budget = 0;             // retry tokens left in this worker, as last seen
  std::uint32_t in_flight = 0;  // requests to this service port in this worker, this one included
};

struct Record {
  std::array<char, kIdSize> id{};
  std::uint8_t id_size = 0;
  std::uint8_t attempts = 0, candidates = 0;
  bool inbound = false;
  Reason reason = Reason::kOk;
  std::uint16_t status = 0;
  std::uint32_t caller_attempt = 0;
  NameId caller = kNoName;  // its SPIFFE id
  NameId service = kNoName, backend = kNoName, route = kNoName, rule = kNoName, sources = kNoName;
  std::uint32_t worker = 0;
  std::uint64_t number = 0;  // of the request in its worker
  std::uint64_t revision = 0;
  std::int64_t started = 0, took = 0;
  std::int64_t deadline = -1;  // left when it began; -1: none
  bool deadline_is_callers = false;
  Seen seen;

  std::string_view request_id() const { return {id.data(), id_size}; }
};

// A record read back, for rendering.
struct Whole {
  Record record;
  std::array<Attempt, kMostAttempts> attempts;
  std::array<Candidate, kMostCandidates> candidates;
};

}  // namespace weft::decision
