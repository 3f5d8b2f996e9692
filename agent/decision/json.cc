// Records as JSON, written by hand: the only texts from outside are names and ids.
#include <charconv>

#include "agent/decision/log.h"

namespace weft::decision {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"", "own", "region", "other"};

class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  ~Object() { out_ += '}'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  std::string& Key(std::string_view key) {
    if (out_.back() != '{') out_ += ',';
    Quote(key);
    out_ += ':';
    return out_;
  }
  void Text(std::string_view key, std::string_view value) {
    Key(key);
    Quote(value);
  }
  void NonEmpty(std::string_view key, std::string_view value) {
    if (!value.empty()) Text(key, value);
  }
  template <class T>
  void Number(std::string_view key, T value) {
    Key(key);
    char digits[32];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  void Millis(std::string_view key, std::int64_t nanos) {
    const std::int64_t micros = nanos / 1000;
    Number(key, static_cast<double>(micros) / 1000);
  }
  void Bool(std::string_view key, bool value) { Key(key) += value ? "true" : "false"; }

 private:
  void Quote(std::string_view text) {
    out_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out_ += '\\';
      if (static_cast<unsigned char>(c) < 0x20) {
        constexpr char kHex[] = "0123456789abcdef";
        out_ += "\\u00";
        out_ += kHex[static_cast<unsigned char>(c) >> 4];
        out_ += kHex[c & 15];
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }
  std::string& out_;
};

void Breaker(Object& object, const Seen& seen, std::string& out) {
  object.Key("breaker");
  Object o(out);
  o.Text("state", seen.breaker);
  o.Number("generation", seen.breaker_generation);
  if (seen.breaker_trial) o.Bool("trial", true);
  if (seen.ramp > 0) o.Number("rampPercent", static_cast<std::uint32_t>(seen.ramp));
  o.Number("points", seen.breaker_points);
  o.Number("requests", seen.breaker_requests);
  if (seen.breaker_threshold > 0) o.Number("threshold", seen.breaker_threshold);
}

void AttemptJson(const Attempt& a, const Whole& whole, std::size_t index, const Names& names,
                 std::string& out) {
  Object o(out);
  o.Text("instance", names.Text(a.instance));
  o.Millis("startedMs", a.started);
  o.Millis("tookMs", a.took);
  o.Text("outcome", a.outcome);
  if (a.status != 0) o.Number("status", a.status);
  o.Text("reason", ToString(a.reason));
  o.NonEmpty("retry", a.retry);
  o.Key("candidates") += '[';
  bool first = true;
  for (std::size_t i = 0; i < whole.record.candidates; ++i) {
    const Candidate& c = whole.candidates[i];
    if (c.attempt != index) continue;
    if (!first) out += ',';
    first = false;
    Object co(out);
    co.Text("instance", names.Text(c.instance));
    co.Text("standing", ToString(c.standing));
    if (c.score != 0) co.Number("score", c.score);
  }
  out += ']';
}

}  // namespace

const char* ToString(Standing standing) {
  switch (standing) {
    case Standing::kPicked: return "picked";
    case Standing::kCompared: return "compared";
    case Standing::kTrial: return "trial";
    case Standing::kConfirming: return "confirming";
    case Standing::kTried: return "tried";
    case Standing::kEjected: return "ejected";
    case Standing::kProbing: return "probing";
    case Standing::kUnhealthy: return "unhealthy";
    case Standing::kDraining: return "draining";
    case Standing::kDrained: return "drained";
    case Standing::kRefused: return "refused";
  }
  return "picked";
}

std::string ToJson(const Whole& whole, const Names& names, Duration wall_offset) {
  const Record& r = whole.record;
  std::string out;
  {
    Object o(out);
    o.Text("requestId", r.request_id());
    o.Text("direction", r.inbound ? "inbound" : "outbound");
    o.NonEmpty("caller", names.Text(r.caller));
    o.Text("service", names.Text(r.service));
    o.Text("backend", names.Text(r.backend));
    o.NonEmpty("route", names.Text(r.route));
    o.NonEmpty("rule", names.Text(r.rule));
    o.NonEmpty("policySources", names.Text(r.sources));
    o.Number("revision", r.revision);
    o.Number("worker", r.worker);
    o.Number("number", r.number);
    if (wall_offset != Duration::zero())
      o.Number("startedUnixMs", (r.started + wall_offset.count()) / 1'000'000);
    o.Millis("tookMs", r.took);
    o.Number("status", r.status);
    o.Text("reason", ToString(r.reason));
    if (r.reason != Reason::kOk) o.Text("why", Sentence(r.reason));
    if (r.deadline >= 0) {
      o.Millis("deadlineMs", r.deadline);
      o.Text("deadlineOf", r.deadline_is_callers ? "caller" : "policy");
    }
    if (r.caller_attempt != 0) o.Number("callerAttempt", r.caller_attempt);
    Breaker(o, r.seen, out);
    if (r.seen.panic) o.Bool("panic", true);
    if (r.seen.level > 0) o.Text("zone", kLevels[r.seen.level]);
    if (r.seen.risk > 0) o.Number("risk", r.seen.risk);
    if (r.seen.adaptive_timeout > 0) o.Number("adaptiveTimeoutMs", r.seen.adaptive_timeout);
    if (r.seen.hedge_delay > 0) o.Number("hedgeAfterMs", r.seen.hedge_delay);
    if (r.seen.hedge != nullptr) o.Text("hedge", r.seen.hedge);
    if (r.seen.bulkhead != nullptr) o.Text("bulkhead", r.seen.bulkhead);
    if (r.seen.concurrency_limit > 0) o.Number("concurrencyLimit", r.seen.concurrency_limit);
    if (r.seen.rate_limit != kNoName) o.Text("rateLimit", names.Text(r.seen.rate_limit));
    o.Number("retryTokens", r.seen.budget);
    o.Number("inFlight", r.seen.in_flight);
    o.Key("attempts") += '[';
    for (std::size_t i = 0; i < r.attempts; ++i) {
      if (i > 0) out += ',';
      AttemptJson(whole.attempts[i], whole, i, names, out);
    }
    out += ']';
  }
  return out;
}

}  // namespace weft::decision
