#pragma once
// The values that pass between an exchange and the decision core. No allocation; a Call lives inside its
// exchange. Thread rule: one worker.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/decision/record.h"
#include "agent/limit/cap.h"
#include "common/message/head.h"
#include "common/policy/route.h"
#include "common/reason/reason.h"
#include "common/snapshot/snapshot.h"
#include "common/time/time.h"

namespace weft::engine {

struct Backend;     // one BackendKey in this worker: windows, budget, selection state (backend.h)
struct Target;      // one instance of a Backend in this worker (backend.h)
struct Generation;  // a snapshot and how many calls of this worker use it (backend.h)

inline constexpr std::size_t kMaxAttempts = 8;

enum class Direction : std::uint8_t { kOutbound, kInbound };

// Of a client's connection among those of its address.
enum class Place : std::uint8_t { kUncounted, kCounted, kRefused };

// Who calls, as mutual TLS proved it. The engine keeps one of each for as long as it lives.
struct Caller {
  std::string identity;      // SPIFFE id
  std::string service;       // "namespace/name" of it
  std::uint32_t number = 0;  // in this worker, from 1
  std::uint32_t name = 0;    // in the log's names
};

// How a request arrived. Filled by accept and exchange.
struct Origin {
  Direction direction = Direction::kOutbound;
  const BackendKey* fixed = nullptr;  // per-service port, or the service of an inbound listener
  net::Address original;              // transparent mode; port 0: none
  net::Address peer;                  // the client's address
  const Caller* caller = nullptr;     // inbound: null: it came without mutual TLS
  net::Address application;           // inbound: where our workload listens; port 0: `original`
  // What its bytes are. Not kHttp: a connection to `fixed` or `original`, whose head has nothing but, of
  // kTls, the name that the ClientHello asks for as authority.
  policy::RouteKind wire = policy::RouteKind::kHttp;
  std::uint8_t proxy_protocol = 0;  // inbound: 1, 2: relayed connections to the application begin with it
  bool allow_passthrough = false;   // transparent mode: unknown destinations are relayed as they are
  bool direct = false;  // with `fixed`: past the routes of the service, and no decision record (mirrors)
  Place place = Place::kUncounted;
  bool explain = false;  // x-weft-explain from the own workload
  // Inbound: of the service port that the listener stands for; kDetect: not known.
  policy::Protocol declared = policy::Protocol::kDetect;
  std::uint32_t caller_attempt =
      0;  // x-weft-attempt received; > 1: an outer hop retries, so this one does not
  Deadline caller_deadline;
};

enum class Action : std::uint8_t { kForward, kRedirect, kAnswer, kPassthrough };

// What Start decided.
struct Verdict {
  Action action = Action::kAnswer;
  Reason reason = Reason::kOk;  // of kAnswer
};

// What a refused caller is told of a rate limit.
struct Quota {
  std::uint32_t limit = 0;            // its burst; zero: none refused
  Duration reset = Duration::zero();  // until the bucket is full again
};

// What an instance's agent says of it in a response (x-weft-load).
struct SaidLoad {
  bool said = false;
  std::uint32_t in_flight = 0;
  std::uint32_t limit = 0;  // of those; zero: it has found none
  Duration latency = Duration::zero();
};

// What happened to one attempt, or to the whole request.
enum class Outcome : std::uint8_t {
  kResponse,  // a complete head arrived; `status` says which; truncation later is kTruncated
  kConnectFailed,
  kConnectTimeout,
  kReset,  // closed before a complete head
  kTruncated,
  kMalformed,
  kAttemptTimeout,
  kHeadTimeout,
  kRequestTimeout,
  kCallerDeadline,  // weighs nothing
  kClientClosed,    // weighs nothing, unless it was slow
  kOutrun,          // the attempt beside it answered first; likewise
  kLocal,           // refused by us: pool, caps, memory; weighs nothing
};

struct AttemptResult {
  Outcome outcome = Outcome::kLocal;
  Reason reason = Reason::kOk;  // why it failed; kOk for a response
  std::uint16_t status = 0;     // of a gRPC call: what its code means in HTTP
  std::int8_t grpc = -1;        // grpc-status; -1: none known
  bool never_sent = false;      // not a byte reached the kernel: safe for any method
  bool reused_connection = false;
  bool replayable = true;                   // the request body is still whole in the tee
  bool committed = false;                   // a response head was forwarded
  TimePoint head_at;                        // when the response head was complete; zero: there was none
  Duration retry_after = Duration::zero();  // of Retry-After; zero: none
  SaidLoad load;                            // of a meshed instance
};

struct RetryVerdict {
  bool retry = false;
  bool fresh = false;  // on a new connection: the old one was stale
  Duration delay = Duration::zero();
  const char* why = "";  // static text for the record: "budget", "not_idempotent", "committed", …
};

// One attempt as the record keeps it.
struct AttemptRecord {
  const Target* target = nullptr;
  TimePoint started, ended;
  AttemptResult result;
  const char* retry_why = "";
  decision::Standing standing = decision::Standing::kPicked;  // kTrial and kConfirming hold something
};

enum Holds : std::uint8_t {
  kHoldsRequest = 1,  // of connectionPool.maxRequests
  kHoldsRoute = 2,    // of bulkheads.perRoute
  kHoldsCaller = 4,   // inbound: of bulkheads.perCaller
  kHoldsPlace = 8,    // inbound: of the concurrency limit
};

// All of a call but its lists, whose entries are written when they are counted.
struct CallState {
  // Identity.
  std::string_view request_id;  // the exchange's; read by Finish for the record
  std::uint64_t number = 0;     // in this worker, from 1; the RNG stream
  Generation* generation = nullptr;
  TimePoint started;
  Origin origin;

  // Decisions of Start.
  Backend* backend = nullptr;                  // chosen by route; null until then
  const snapshot::Service* service = nullptr;  // the parent service whose routes were matched
  std::uint16_t service_port = 0;
  const policy::Route* route = nullptr;  // null: the service's default route
  const policy::RouteRule* rule = nullptr;
  const policy::BackendRef* backend_ref = nullptr;
  std::uint16_t match_index = 0;  // which match of the rule; for prefix rewrites
  const policy::Retry* retry = nullptr;
  const policy::Timeouts* timeouts = nullptr;
  Deadline deadline;  // of the whole request: timeouts.request and the caller's
  bool deadline_is_callers = false;
  message::Method method = message::Method::kGet;
  bool idempotency_key = false;

  Duration retry_after = Duration::zero();  // of a refusal by breaker or rate limit: when to ask again
  Quota quota;                              // of a refusal by a rate limit
  std::uint64_t hash_key = 0;               // of the hash policies; zero: the request has none

  // Permits held; returned by Finish whatever happened.
  std::uint8_t holds = 0;            // bits of Holds
  std::uint64_t caller_key = 0;      // inbound: of kHoldsCaller
  limit::Cap* route_cap = nullptr;   // of kHoldsRoute; lives as long as the generation
  std::uint64_t breaker_permit = 0;  // generation of the permit; zero: none was needed

  // Attempts.
  std::uint32_t attempts = 0;                    // started so far
  Target* target = nullptr;                      // of the current attempt
  Duration adaptive_timeout = Duration::zero();  // until its response head; zero: as the policy has it
  Duration hedge_after = Duration::zero();       // Hedge may be called then; zero: this attempt has none
  Target* hedge = nullptr;                       // of the attempt beside the current one; null: there is none
  std::uint32_t current = 0, hedge_at = 0;       // their places in the log
  std::uint32_t retries = 0;                     // granted; a stale connection's is not counted
  bool stale_used = false;

  // For the record; read by nobody else.
  decision::Seen seen;
  decision::NameId route_name = 0, rule_name = 0, sources = 0;
  std::uint32_t candidate_count = 0;
};

struct Call : CallState {
  std::array<AttemptRecord, kMaxAttempts> log;                            // `attempts` of them
  std::array<decision::Candidate, decision::kMostCandidates> candidates;  // `candidate_count`; not zeroed

  // For the next request. The lists keep what they had, which is most of the size.
  void Reset() { std::construct_at(static_cast<CallState*>(this)); }
};

}  // namespace weft::engine
