#include "agent/engine/tape.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "agent/engine/snapshot_text.h"

namespace weft::engine::tape {
namespace {

using decision::LineReader;
using decision::LineWriter;

LineWriter& Key(LineWriter& line, const BackendKey& key) {
  return line.Put("cluster", key.service.cluster)
      .Put("ns", key.service.ns)
      .Put("name", key.service.name)
      .Put("port", key.port);
}

LineWriter Begin(const char* op, std::uint32_t worker, TimePoint now) {
  LineWriter line(op);
  line.Put("worker", worker).Put("now", now);
  return line;
}

void PutOrigin(LineWriter& line, const Origin& origin) {
  line.Put("direction", origin.direction);
  if (origin.fixed != nullptr) Key(line.Put("fixed", true), *origin.fixed);
  if (origin.original.port != 0) line.Put("original", origin.original.ToString());
  if (origin.application.port != 0) line.Put("application", origin.application.ToString());
  if (origin.place == Place::kRefused) line.Put("refused", true);
  if (origin.peer.port != 0) line.Put("peer", origin.peer.ToString());
  if (origin.caller != nullptr) line.Put("caller", origin.caller->identity);
  if (origin.wire != policy::RouteKind::kHttp) line.Put("wire", origin.wire);
  if (origin.allow_passthrough) line.Put("passthrough", true);
  if (origin.direct) line.Put("direct", true);
  if (origin.caller_attempt != 0) line.Put("caller_attempt", origin.caller_attempt);
  if (!origin.caller_deadline.never()) line.Put("caller_deadline", origin.caller_deadline.at());
}

// A struct of numbers as one value: "1,2.5,3".
template <class... T>
std::string Joined(T... values) {
  std::string out;
  const auto add = [&out](auto value) {
    char digits[40];
    if (!out.empty()) out += ',';
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  };
  (add(values), ...);
  return out;
}
template <class T>
void Next(std::string_view& text, T& value) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(std::min<std::size_t>(static_cast<std::size_t>(end.ptr - text.data()) + 1, text.size()));
}

void PutCircuit(LineWriter& line, const breaker::Circuit& circuit) {
  const breaker::View view = circuit.Look();
  line.Put("circuit", breaker::ToString(view.state)).Put("generation", view.generation);
}

// Causes are static texts; a view read back needs them as such.
const char* StaticCause(std::string_view text) {
  for (const char* cause :
       {"active_check", "consecutive", "failure_rate", "outlier", "trial", "latency", "flapping"}) {
    if (text == cause) return cause;
  }
  return "";
}

}  // namespace

BackendKey ReadKey(const LineReader& line) {
  return {{line.Text("cluster"), line.Text("ns"), line.Text("name")}, line.Number<std::uint16_t>("port")};
}

std::string EngineInput(const Settings& s, std::uint64_t shared_seed) {
  LineWriter line("engine");
  line.Put("worker", s.worker).Put("seed", s.seed).Put("shared_seed", shared_seed).Put("workers", s.workers);
  return line.Put("cluster", s.cluster).Put("ns", s.ns).Put("zone", s.zone).text();
}

Settings ReadSettings(const LineReader& line) {
  Settings settings;
  settings.worker = line.Number<std::uint32_t>("worker");
  settings.workers = line.Number<std::uint32_t>("workers");
  settings.seed = line.Number<std::uint64_t>("seed");
  settings.cluster = line.Text("cluster");
  settings.ns = line.Text("ns");
  settings.zone = line.Text("zone");
  return settings;
}

std::string SnapshotInput(const char* op, std::uint32_t worker, const snapshot::Snapshot& snapshot,
                          TimePoint now) {
  return SnapshotText(snapshot) + Begin(op, worker, now).text();
}

std::string ViewInput(std::uint32_t worker, const ServiceView& view, TimePoint now) {
  LineWriter line = Begin("view", worker, now);
  line.Put("epoch", view.epoch);
  std::map<BackendKey, const std::vector<InstanceView>*> sorted;
  for (const auto& [key, instances] : view.backends) sorted.emplace(key, &instances);
  for (const auto& [key, instances] : sorted) {
    line.Put("backend", key.service.cluster + "/" + key.service.ns + "/" + key.service.name + "/" +
                            std::to_string(key.port));
    for (const InstanceView& v : *instances) {
      line.Put("instance", Joined(v.instance, static_cast<int>(v.state), Nanos(v.until)) + "," + v.cause);
    }
  }
  return line.text();
}

std::string StartInput(std::uint32_t worker, const Origin& origin, const message::RequestHead& head,
                       TimePoint now) {
  LineWriter line = Begin("start", worker, now);
  PutOrigin(line, origin);
  line.Put("method", head.method).Put("method_text", head.method_text).Put("authority", head.authority);
  line.Put("target", head.target).Put("scheme", head.scheme);
  for (const message::Field& field : head.fields) {
    line.Put("field", std::string(field.name) + ":" + std::string(field.value));
  }
  return line.text();
}

std::string OriginInput(const char* op, std::uint32_t worker, const Origin& origin, TimePoint now) {
  LineWriter line = Begin(op, worker, now);
  PutOrigin(line, origin);
  return line.text();
}

std::string CallInput(const char* op, std::uint32_t worker, const Call& call, TimePoint now) {
  return Begin(op, worker, now).Put("call", call.number).text();
}

std::string EndedInput(const char* op, std::uint32_t worker, const Call& call, const AttemptResult& r,
                       TimePoint now) {
  LineWriter line = Begin(op, worker, now);
  line.Put("call", call.number)
      .Put("outcome", ToString(r.outcome))
      .Put("reason", r.reason)
      .Put("status", r.status);
  line.Put("never_sent", r.never_sent).Put("reused", r.reused_connection).Put("replayable", r.replayable);
  if (r.grpc >= 0) line.Put("grpc", static_cast<std::uint32_t>(r.grpc));
  if (r.load.said) line.Put("load", r.load.in_flight).Put("latency", r.load.latency);
  if (r.load.limit > 0) line.Put("load_limit", r.load.limit);
  return line.Put("committed", r.committed)
      .Put("head_at", r.head_at)
      .Put("retry_after", r.retry_after)
      .text();
}

std::string FinishInput(std::uint32_t worker, const Call& call, Reason reason, std::uint16_t status,
                        TimePoint now) {
  LineWriter line = Begin("finish", worker, now);
  return line.Put("call", call.number).Put("reason", reason).Put("status", status).text();
}

std::string TargetInput(const char* op, std::uint32_t worker, const Target& target) {
  LineWriter line(op);
  line.Put("worker", worker);
  return Key(line, target.backend->key)
      .Put("inbound", target.backend->inbound)
      .Put("instance", target.hash)
      .Put("address", target.address.ToString())
      .text();
}

std::string BackendInput(const char* op, std::uint32_t worker, const Backend& backend) {
  LineWriter line(op);
  line.Put("worker", worker);
  return Key(line, backend.key).Put("inbound", backend.inbound).text();
}

std::string CheckedInput(std::uint32_t worker, const Target& target, bool passed, Duration took,
                         TimePoint now) {
  return TargetInput("checked", worker, target) +
         LineWriter("").Put("passed", passed).Put("took", took).Put("now", now).text();
}

std::string QuotaInput(std::uint32_t worker, const BackendKey& inbound, std::string_view limit,
                       double per_second, double room, TimePoint now) {
  LineWriter line = Begin("quota", worker, now);
  return Key(line, inbound).Put("limit", limit).Put("rate", per_second).Put("room", room).text();
}

std::string TickInput(std::uint32_t worker, TimePoint now) { return Begin("tick", worker, now).text(); }

std::string AbsorbInput(const WorkerDelta& delta, TimePoint now) {
  return LineWriter("absorb").Put("now", now).text() + DeltaText(delta);
}

std::string StartResult(const Call& call, Verdict verdict) {
  LineWriter line("start");
  line.Put("call", call.number).Put("action", verdict.action).Put("reason", ToString(verdict.reason));
  if (call.backend != nullptr) line.Put("backend", call.backend->key_text);
  if (call.rule != nullptr) line.Put("rule", call.rule->name);
  line.Put("permit", call.breaker_permit).Put("holds_request", (call.holds & kHoldsRequest) != 0);
  if (call.backend != nullptr && !call.backend->inbound) PutCircuit(line, call.backend->shared->circuit);
  return line.text();
}

std::string PickResult(const Call& call, const Target* target, Reason why) {
  LineWriter line("pick");
  line.Put("call", call.number);
  if (target == nullptr) return line.Put("none", ToString(why)).text();
  line.Put("instance", target->instance ? target->instance->id : target->address.ToString());
  for (std::uint32_t i = 0; i < call.candidate_count; ++i) {
    const decision::Candidate& c = call.candidates[i];
    if (c.attempt + 1U != call.attempts) continue;
    line.Put(decision::ToString(c.standing), c.score);
  }
  return line.text();
}

std::string HedgeResult(const Call& call, const Target* target) {
  LineWriter line("hedge");
  line.Put("call", call.number).Put("why", call.seen.hedge == nullptr ? "" : call.seen.hedge);
  if (target != nullptr) line.Put("instance", target->instance->id);
  return line.text();
}

std::string EndedResult(const Call& call, const RetryVerdict& verdict, double tokens) {
  LineWriter line("ended");
  line.Put("call", call.number)
      .Put("retry", verdict.retry)
      .Put("fresh", verdict.fresh)
      .Put("delay", verdict.delay);
  return line.Put("why", verdict.why).Put("tokens", tokens).text();
}

std::string CircuitResult(const char* op, const SharedBackend* backend) {
  LineWriter line(op);
  if (backend != nullptr) PutCircuit(line, backend->circuit);
  return line.text();
}

std::string BoolResult(const char* op, bool value, std::uint32_t used) {
  return LineWriter(op).Put("ok", value).Put("used", used).text();
}

std::string DeltaText(const WorkerDelta& delta) {
  LineWriter line("");
  line.Put("worker", delta.worker).Put("at", delta.at);
  for (const BackendDelta& b : delta.backends) {
    const ServiceKey& key = b.backend.service;
    line.Put("backend", key.cluster + "/" + key.ns + "/" + key.name + "/" + std::to_string(b.backend.port) +
                            "/" + Joined(b.generation, b.points, b.points_4xx, b.requests, b.squares));
    for (const InstanceDelta& i : b.instances) {
      line.Put("instance", Joined(i.instance, i.requests, i.points, i.squares, i.consecutive,
                                  Nanos(i.first_of_run), i.passed_checks, i.failed_checks, i.slow_checks,
                                  i.probe_passed, i.probe_failed, i.logs, i.answers));
    }
  }
  return line.text();
}

std::string ViewText(const ServiceView* view) {
  return view == nullptr ? "none" : ViewInput(0, *view, view->at);
}

void ReadOrigin(const LineReader& line, OriginText& out) {
  out.origin.direction = line.Enum<Direction>("direction");
  if (line.Bool("fixed")) {
    out.fixed = ReadKey(line);
    out.origin.fixed = &out.fixed;
  }
  if (const auto address = net::Address::Parse(line.Text("original"))) out.origin.original = *address;
  if (const auto address = net::Address::Parse(line.Text("application"))) out.origin.application = *address;
  if (line.Bool("refused")) out.origin.place = Place::kRefused;
  if (const auto address = net::Address::Parse(line.Text("peer"))) out.origin.peer = *address;
  if (out.caller.identity = line.Text("caller"); !out.caller.identity.empty())
    out.origin.caller = &out.caller;
  out.origin.wire = line.Enum<policy::RouteKind>("wire");
  out.origin.allow_passthrough = line.Bool("passthrough");
  out.origin.direct = line.Bool("direct");
  out.origin.caller_attempt = line.Number<std::uint32_t>("caller_attempt");
  if (!line.Text("caller_deadline").empty())
    out.origin.caller_deadline = Deadline(line.Time("caller_deadline"));
}

AttemptResult ReadResult(const LineReader& line) {
  AttemptResult r;
  const std::string outcome = line.Text("outcome");
  for (int i = 0; i <= static_cast<int>(Outcome::kLocal); ++i) {
    if (outcome == ToString(static_cast<Outcome>(i))) r.outcome = static_cast<Outcome>(i);
  }
  r.reason = line.Enum<Reason>("reason");
  r.status = line.Number<std::uint16_t>("status");
  if (!line.Text("grpc").empty()) r.grpc = static_cast<std::int8_t>(line.Number<std::uint32_t>("grpc"));
  r.load.said = !line.Text("load").empty();
  if (r.load.said) {
    r.load = {true, line.Number<std::uint32_t>("load"), line.Number<std::uint32_t>("load_limit"),
              line.Span("latency")};
  }
  r.never_sent = line.Bool("never_sent");
  r.reused_connection = line.Bool("reused");
  r.replayable = line.Bool("replayable");
  r.committed = line.Bool("committed");
  r.head_at = line.Time("head_at");
  r.retry_after = line.Span("retry_after");
  return r;
}

WorkerDelta ReadDelta(const LineReader& line) {
  WorkerDelta delta{line.Number<std::uint32_t>("worker"), line.Time("at"), {}};
  for (const auto& [key, value] : line.values()) {
    std::string_view text = value;
    if (key == "backend") {
      BackendDelta& b = delta.backends.emplace_back();
      for (std::string* part : {&b.backend.service.cluster, &b.backend.service.ns, &b.backend.service.name}) {
        *part = text.substr(0, text.find('/'));
        text.remove_prefix(part->size() + 1);
      }
      Next(text, b.backend.port), Next(text, b.generation), Next(text, b.points), Next(text, b.points_4xx);
      Next(text, b.requests), Next(text, b.squares);
    } else if (key == "instance" && !delta.backends.empty()) {
      InstanceDelta& i = delta.backends.back().instances.emplace_back();
      std::int64_t first = 0;
      Next(text, i.instance), Next(text, i.requests), Next(text, i.points), Next(text, i.squares);
      Next(text, i.consecutive), Next(text, first), Next(text, i.passed_checks), Next(text, i.failed_checks);
      Next(text, i.slow_checks), Next(text, i.probe_passed), Next(text, i.probe_failed);
      Next(text, i.logs), Next(text, i.answers);
      i.first_of_run = FromNanos(first);
    }
  }
  return delta;
}

ServiceView ReadView(const LineReader& line) {
  ServiceView view;
  view.epoch = line.Number<std::uint64_t>("epoch");
  view.at = line.Time("now");
  std::vector<InstanceView>* instances = nullptr;
  for (const auto& [key, value] : line.values()) {
    std::string_view text = value;
    if (key == "backend") {
      BackendKey backend;
      for (std::string* part : {&backend.service.cluster, &backend.service.ns, &backend.service.name}) {
        *part = text.substr(0, text.find('/'));
        text.remove_prefix(part->size() + 1);
      }
      Next(text, backend.port);
      instances = &view.backends[backend];
    } else if (key == "instance" && instances != nullptr) {
      InstanceView& v = instances->emplace_back();
      int state = 0;
      std::int64_t until = 0;
      Next(text, v.instance), Next(text, state), Next(text, until);
      v.state = static_cast<InstanceState>(state);
      v.until = FromNanos(until);
      v.cause = StaticCause(text);
    }
  }
  return view;
}

}  // namespace weft::engine::tape
