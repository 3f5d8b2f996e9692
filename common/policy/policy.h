#pragma once
// What a request is governed by, after merging: immutable values with real units and every default filled in.
// Merged per field, route > service > mesh > built-in (merge.h), by whoever compiles a bundle; nobody parses
// here. Algorithms and the origin of the defaults: docs/configuration.md. Durations of zero mean "none" where
// said.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/time/time.h"

namespace weft::policy {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Mode : std::uint8_t { kOff, kShadow, kAct };  // kShadow: decides and is counted, changes nothing

// Circuit breaker of a service port, fed with final outcomes (after retries). Weighted points as in the
// seeds.
struct CircuitBreaker {
  bool enabled = true;
  double failure_threshold = 10;          // weighted points within the window; > 0
  std::uint32_t minimum_requests = 20;    // below this the rate never trips; consecutive failures still do
  bool adaptive = true;                   // false: failure_threshold alone decides
  bool fixed_open = false;                // openDuration was written: open for exactly that long
  Duration open_duration = seconds(60);   // fixed_open: exact; else the cap of the back-off 5 s, 10 s, …
  std::uint32_t half_open_max_calls = 3;  // >= 1; exact over all workers
  Duration slow_response = seconds(5);    // a success slower than this counts with weight_slow; zero: none
  double weight_timeout = 2.0;
  double weight_5xx = 1.5;
  double weight_connection = 2.0;
  double weight_slow = 1.0;
  double weight_4xx = 0.5;       // never trips alone
  Mode predict = Mode::kShadow;  // of a breach that comes; may shed, never opens
};

// Passive ejection of single instances, fed with attempt outcomes.
struct OutlierDetection {
  bool enabled = true;
  std::uint32_t consecutive_failures = 5;         // gateway and local failures in a row; zero: rule off
  Duration consecutive_span = milliseconds(250);  // the run must last this long
  double failure_rate = 0.5;            // weighted badness of the last 10 s above which rule R2 looks closer
  std::uint32_t minimum_requests = 20;  // of R2
  double latency_factor =
      2;  // slower than so many times the median of the others: degraded, then ejected; zero: off
  Duration base_ejection = seconds(5);  // doubles on each repeat
  Duration max_ejection = seconds(300);
  std::uint32_t max_ejected_percent =
      30;  // of the capacity; one is always allowed when there are two or more
};

struct HealthCheck {
  bool enabled = false;    // on when a path or a TCP check is configured
  bool tcp = false;        // connect only
  std::string path;        // of the HTTP check
  std::uint16_t port = 0;  // zero: the instance's port
  Duration interval = seconds(30);
  Duration timeout = seconds(5);
  std::uint32_t failure_threshold = 3;      // in a row: unhealthy
  std::uint32_t recovery_threshold = 2;     // in a row: healthy again
  Duration max_response_time = seconds(5);  // slower but successful: degraded
};

struct ConnectionPool {
  std::uint32_t max_connections = 100;  // per instance per agent, exact over all workers; zero: no cap
  std::uint32_t max_pending = 1024;     // requests that wait for a connection; zero: never wait
  std::uint32_t max_requests = 0;       // in flight per service port, exact over all workers; zero: no cap
  std::uint32_t max_keepalive = 20;     // idle connections kept per instance per worker
  Duration keepalive_expiry = seconds(30);
  bool keepalive_expiry_set = false;  // not set: toward applications min(4 s, Keep-Alive hint - 1 s)
  Duration max_age = std::chrono::minutes(15);  // zero: no limit
  bool http2 = false;                           // reserved: the port's protocol says it
};

enum class Balancer : std::uint8_t {
  kPeakEwma,
  kLeastRequest,
  kRoundRobin,
  kRandom,
  kHotCold,
  kRingHash,
  kMaglev,
  kBest
};

// Which instance of those that are well. Of the hash policies one key; none written: the client's address.
struct LoadBalancer {
  Balancer policy = Balancer::kPeakEwma;
  std::string hash_header, hash_cookie, hash_query;  // names; at most one is set
  bool hash_source = false;                          // the client's address
  double load_factor = 1.25;               // bound of an instance's requests, times its fair share; >= 1
  Duration slow_start = Duration::zero();  // a new or returning instance's share grows over it; zero: at once
  bool prefer_zone = false;                // own zone, then own region, then any
  std::uint32_t subset = 0;                // so many instances per agent; zero: all
};

// What may be retried, as bits of retry_on.
enum RetryOn : std::uint32_t {
  kOnConnectFailure = 1U << 0,
  kOnReset = 1U << 1,  // before a response head
  kOnAttemptTimeout = 1U << 2,
  kOn500 = 1U << 3,
  kOn502 = 1U << 4,
  kOn503 = 1U << 5,
  kOn504 = 1U << 6,
  kOn429 = 1U << 7,
  // Codes of gRPC in a response without messages. Whoever lists one says that such calls may be repeated.
  kOnGrpcCancelled = 1U << 8,
  kOnGrpcDeadlineExceeded = 1U << 9,
  kOnGrpcResourceExhausted = 1U << 10,
  kOnGrpcInternal = 1U << 11,
  kOnGrpcUnavailable = 1U << 12,
};
inline constexpr std::uint32_t kRetryOnGrpc = kOnGrpcCancelled | kOnGrpcDeadlineExceeded |
                                              kOnGrpcResourceExhausted | kOnGrpcInternal | kOnGrpcUnavailable;
inline constexpr std::uint32_t kRetryOnDefault =
    kOnConnectFailure | kOnReset | kOnAttemptTimeout | kOn502 | kOn503 | kOn504;

struct Retry {
  bool enabled = true;
  std::uint32_t attempts = 2;  // retries after the first attempt
  std::uint32_t on = kRetryOnDefault;
  std::vector<std::uint16_t> codes;     // further status codes (Gateway API retry.codes)
  Duration backoff = milliseconds(25);  // base of full jitter
  Duration max_backoff = milliseconds(250);
  bool backoff_is_minimum = false;          // Gateway API: delay = b*2^k + U(0, b*2^k)
  double budget_percent = 20;               // retries per original request
  std::uint32_t budget_min_per_second = 3;  // floor, per process
};

// A second attempt beside one that is slow, of requests that may be repeated; the first answer counts.
struct Hedging {
  bool enabled = false;
  double budget_percent = 2;             // second attempts per original request; they take retry tokens too
  Duration min_delay = milliseconds(2);  // of the first attempt, before there is a second
};

struct Timeouts {  // zero: none
  Duration connect = seconds(1);
  Duration request = Duration::zero();  // the whole request, retries included
  Duration attempt = Duration::zero();
  Duration response_head = Duration::zero();
  Duration stream_idle = std::chrono::hours(1);
  Mode adaptive = Mode::kOff;  // a time-out per attempt that follows the latency of the service
};

// How many requests the callee's agent lets into its application at once.
enum class Limiter : std::uint8_t { kOff, kAimd, kVegas, kGradient };
struct Concurrency {
  Limiter limiter = Limiter::kOff;
  std::uint32_t initial = 64, min = 8, max = 4096;  // of the limit that it finds; 1 <= min <= initial <= max
  std::string priority_header;  // its value "sheddable" or "critical"; empty: all requests are alike
};

// What the callee's agent lets through: a token bucket per key, exact over all workers.
enum class RateKey : std::uint8_t {
  kService,
  kAddress,
  kHeader,
  kCaller  // the identity that mutual TLS proved; without one the address
};
struct RateLimit {
  std::string name;  // in records and headers; unique in its list
  RateKey per = RateKey::kService;
  std::string header;       // of kHeader: each of its values is a key; without it the limit does not apply
  std::string path;         // prefix, by path segments; empty: all requests
  double rate = 0;          // requests per second; > 0
  std::uint32_t burst = 1;  // at once after a quiet time; >= 1
  bool global = false;      // of kService: of all instances together; each agent has a share
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};
struct RateLimits {
  std::vector<RateLimit> limits;              // a request must pass all that apply
  std::uint32_t connections_per_address = 0;  // at once, per instance; zero: no limit
};

// How many requests may be under way at once, of whom; exact over all workers, zero: no limit.
struct Bulkheads {
  std::uint32_t per_caller = 0;  // kept by the callee's agent: of one caller (as RateKey::kCaller), per port
  std::uint32_t per_route = 0;   // kept by the caller's agent: of one rule of the service's routes
};

// Mutual TLS between agents. What is registered as having no agent with an identity is spoken to in
// plaintext.
enum class Mtls : std::uint8_t {
  kPermissive,  // wherever both sides can; callers in plaintext are served and counted
  kOff,
  kStrict,  // or not at all
};

// Everything that governs one service port or, with a route's fields merged in, one route rule.
struct ServicePolicy {
  LoadBalancer load_balancer;
  CircuitBreaker circuit_breaker;
  OutlierDetection outlier_detection;
  ConnectionPool connection_pool;
  HealthCheck health_check;
  Retry retry;
  Hedging hedging;
  Timeouts timeouts;
  RateLimits rate_limits;
  Concurrency concurrency;
  Bulkheads bulkheads;
  Mtls mtls = Mtls::kPermissive;
};

// Where an effective value came from: "timeouts.request" -> "HTTPRoute default/cart rule 0". Fields that are
// at their built-in default are not listed. For explain; not read on the request path.
struct FieldSource {
  std::string field;
  std::string source;
};

}  // namespace weft::policy
