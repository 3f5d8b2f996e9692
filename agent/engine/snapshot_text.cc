#include "agent/engine/snapshot_text.h"

#include <algorithm>

#include "agent/decision/text.h"

namespace weft::engine {
namespace {

using decision::LineReader;
using decision::LineWriter;

// Calls visit(name, field) for every field of a block: one list for writing and reading.
template <class Timeouts, class Visit>
void VisitTimeouts(Timeouts& t, Visit&& visit) {
  visit("timeouts.connect", t.connect);
  visit("timeouts.request", t.request);
  visit("timeouts.attempt", t.attempt);
  visit("timeouts.response_head", t.response_head);
  visit("timeouts.stream_idle", t.stream_idle);
  visit("timeouts.adaptive", t.adaptive);
}
template <class Retry, class Visit>
void VisitRetry(Retry& r, Visit&& visit) {
  visit("retry.enabled", r.enabled);
  visit("retry.attempts", r.attempts);
  visit("retry.on", r.on);
  visit("retry.codes", r.codes);
  visit("retry.backoff", r.backoff);
  visit("retry.max_backoff", r.max_backoff);
  visit("retry.backoff_is_minimum", r.backoff_is_minimum);
  visit("retry.budget_percent", r.budget_percent);
  visit("retry.budget_min_per_second", r.budget_min_per_second);
}
template <class Policy, class Visit>
void VisitPolicy(Policy& p, Visit&& visit) {
  auto& b = p.load_balancer;
  visit("load_balancer.policy", b.policy);
  visit("load_balancer.hash_header", b.hash_header);
  visit("load_balancer.hash_cookie", b.hash_cookie);
  visit("load_balancer.hash_query", b.hash_query);
  visit("load_balancer.hash_source", b.hash_source);
  visit("load_balancer.load_factor", b.load_factor);
  visit("load_balancer.slow_start", b.slow_start);
  visit("load_balancer.prefer_zone", b.prefer_zone);
  visit("load_balancer.subset", b.subset);
  visit("rate_limits.limits", p.rate_limits.limits);
  visit("rate_limits.connections_per_address", p.rate_limits.connections_per_address);
  visit("concurrency.limiter", p.concurrency.limiter);
  visit("concurrency.initial", p.concurrency.initial);
  visit("concurrency.min", p.concurrency.min);
  visit("concurrency.max", p.concurrency.max);
  visit("concurrency.priority_header", p.concurrency.priority_header);
  visit("bulkheads.per_caller", p.bulkheads.per_caller);
  visit("bulkheads.per_route", p.bulkheads.per_route);
  auto& c = p.circuit_breaker;
  visit("circuit_breaker.enabled", c.enabled);
  visit("circuit_breaker.failure_threshold", c.failure_threshold);
  visit("circuit_breaker.minimum_requests", c.minimum_requests);
  visit("circuit_breaker.adaptive", c.adaptive);
  visit("circuit_breaker.fixed_open", c.fixed_open);
  visit("circuit_breaker.open_duration", c.open_duration);
  visit("circuit_breaker.half_open_max_calls", c.half_open_max_calls);
  visit("circuit_breaker.slow_response", c.slow_response);
  visit("circuit_breaker.weight_timeout", c.weight_timeout);
  visit("circuit_breaker.weight_5xx", c.weight_5xx);
  visit("circuit_breaker.weight_connection", c.weight_connection);
  visit("circuit_breaker.weight_slow", c.weight_slow);
  visit("circuit_breaker.weight_4xx", c.weight_4xx);
  visit("circuit_breaker.predict", c.predict);
  auto& o = p.outlier_detection;
  visit("outlier_detection.enabled", o.enabled);
  visit("outlier_detection.consecutive_failures", o.consecutive_failures);
  visit("outlier_detection.consecutive_span", o.consecutive_span);
  visit("outlier_detection.failure_rate", o.failure_rate);
  visit("outlier_detection.minimum_requests", o.minimum_requests);
  visit("outlier_detection.base_ejection", o.base_ejection);
  visit("outlier_detection.max_ejection", o.max_ejection);
  visit("outlier_detection.max_ejected_percent", o.max_ejected_percent);
  visit("outlier_detection.latency_factor", o.latency_factor);
  auto& l = p.connection_pool;
  visit("connection_pool.max_connections", l.max_connections);
  visit("connection_pool.max_pending", l.max_pending);
  visit("connection_pool.max_requests", l.max_requests);
  auto& h = p.health_check;
  visit("health_check.enabled", h.enabled);
  visit("health_check.failure_threshold", h.failure_threshold);
  visit("health_check.recovery_threshold", h.recovery_threshold);
  visit("health_check.max_response_time", h.max_response_time);
  VisitRetry(p.retry, visit);
  visit("hedging.enabled", p.hedging.enabled);
  visit("hedging.budget_percent", p.hedging.budget_percent);
  visit("hedging.min_delay", p.hedging.min_delay);
  VisitTimeouts(p.timeouts, visit);
  visit("mtls", p.mtls);
}

class FieldWriter {
 public:
  explicit FieldWriter(std::string& out) : out_(out) {}
  template <class T>
  void operator()(const char* name, const T& value) {
    out_ += LineWriter("+policy").Put("field", name).Put("value", value).text() + '\n';
  }
  void operator()(const char* name, const std::vector<std::uint16_t>& values) {
    LineWriter line("+policy");
    line.Put("field", name);
    for (const std::uint16_t value : values) line.Put("value", value);
    out_ += line.text() + '\n';
  }

  void operator()(const char* name, const std::vector<policy::RateLimit>& limits) {
    for (const policy::RateLimit& l : limits) {
      LineWriter line("+policy");
      line.Put("field", name).Put("name", l.name).Put("per", l.per).Put("header", l.header);
      out_ +=
          line.Put("path", l.path).Put("rate", l.rate).Put("burst", l.burst).Put("global", l.global).text() +
          '\n';
    }
  }

 private:
  std::string& out_;
};

// Sets the field that a line names.
class FieldReader {
 public:
  explicit FieldReader(const LineReader& line) : line_(line), field_(line.Text("field")) {}
  void operator()(const char* name, bool& to) {
    if (field_ == name) to = line_.Bool("value");
  }
  void operator()(const char* name, Duration& to) {
    if (field_ == name) to = line_.Span("value");
  }
  void operator()(const char* name, double& to) {
    if (field_ == name) to = line_.Number<double>("value");
  }
  void operator()(const char* name, std::uint32_t& to) {
    if (field_ == name) to = line_.Number<std::uint32_t>("value");
  }
  void operator()(const char* name, std::string& to) {
    if (field_ == name) to = line_.Text("value");
  }
  void operator()(const char* name, std::vector<policy::RateLimit>& to) {
    if (field_ != name) return;
    to.push_back({line_.Text("name"), line_.Enum<policy::RateKey>("per"), line_.Text("header"),
                  line_.Text("path"), line_.Number<double>("rate"), line_.Number<std::uint32_t>("burst"),
                  line_.Bool("global")});
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void operator()(const char* name, Enum& to) {
    if (field_ == name) to = line_.Enum<Enum>("value");
  }
  void operator()(const char* name, policy::Mtls& to) {
    if (field_ == name) to = line_.Enum<policy::Mtls>("value");
  }
  void operator()(const char* name, std::vector<std::uint16_t>& to) {
    if (field_ != name) return;
    to.clear();
    for (const std::string& text : line_.All("value"))
      to.push_back(static_cast<std::uint16_t>(std::stoi(text)));
  }

 private:
  const LineReader& line_;
  std::string field_;
};

LineWriter& PutKey(LineWriter& line, const BackendKey& key) {
  return line.Put("cluster", key.service.cluster)
      .Put("ns", key.service.ns)
      .Put("name", key.service.name)
      .Put("port", key.port);
}
BackendKey ReadKey(const LineReader& line) {
  return {{line.Text("cluster"), line.Text("ns"), line.Text("name")}, line.Number<std::uint16_t>("port")};
}

void WriteNamed(LineWriter& line, const char* prefix, const std::vector<policy::NamedMatch>& matches) {
  for (const policy::NamedMatch& match : matches) {
    line.Put(prefix, std::to_string(static_cast<int>(match.type)) + match.name + "\n" + match.value);
  }
}
std::vector<policy::NamedMatch> ReadNamed(const LineReader& line, const char* prefix) {
  std::vector<policy::NamedMatch> matches;
  for (const std::string& text : line.All(prefix)) {
    const std::size_t end = text.find('\n');
    matches.push_back(
        {static_cast<policy::MatchType>(text[0] - '0'), text.substr(1, end - 1), text.substr(end + 1)});
  }
  return matches;
}

void WriteRule(std::string& out, const policy::RouteRule& rule) {
  out += LineWriter("+rule").Put("name", rule.name).Put("redirect", rule.redirect.has_value()).text() + '\n';
  for (const policy::RouteMatch& match : rule.matches) {
    LineWriter line("+match");
    line.Put("type", match.path.type).Put("path", match.path.value).Put("method", match.method);
    WriteNamed(line, "header", match.headers);
    WriteNamed(line, "query", match.query);
    out += line.text() + '\n';
  }
  for (const policy::BackendRef& ref : rule.backends) {
    LineWriter line("+backend");
    out += PutKey(line, ref.backend).Put("weight", ref.weight).Put("usable", ref.usable).text() + '\n';
  }
  FieldWriter fields(out);
  VisitRetry(rule.retry, fields);
  VisitTimeouts(rule.timeouts, fields);
}

void WriteParts(std::string& out, const policy::ServiceBundle& bundle, const snapshot::Endpoints& endpoints) {
  for (const policy::ServicePort& port : bundle.ports) {
    out += LineWriter("+port")
               .Put("name", port.name)
               .Put("port", port.port)
               .Put("protocol", port.protocol)
               .text() +
           '\n';
  }
  FieldWriter fields(out);
  VisitPolicy(bundle.policy, fields);
  for (const policy::Route& route : bundle.routes) {
    LineWriter written("+route");
    written.Put("name", route.name).Put("ns", route.ns).Put("parent_port", route.parent_port);
    written.Put("consumer", route.consumer).Put("created", route.created);
    if (route.kind != policy::RouteKind::kHttp) written.Put("kind", route.kind);
    for (const std::string& host : route.hostnames) written.Put("hostname", host);
    out += written.text() + '\n';
    for (const policy::RouteRule& rule : route.rules) WriteRule(out, rule);
  }
  for (const snapshot::Instance& instance : endpoints.instances) {
    LineWriter written("+instance");
    if (!instance.zone.empty()) written.Put("zone", instance.zone);
    written.Put("id", instance.id).Put("address", instance.address.ToString()).Put("weight", instance.weight);
    written.Put("declared", instance.declared)
        .Put("draining", instance.draining)
        .Put("meshed", instance.capabilities.meshed);
    for (const auto& [name, port] : instance.ports) written.Put("port", name + ":" + std::to_string(port));
    out += written.text() + '\n';
  }
}

void WriteService(std::string& out, const snapshot::Service& service) {
  LineWriter line("+service");
  out += PutKey(line, {service.bundle->key, 0}).Put("revision", service.revision).text() + '\n';
  WriteParts(out, *service.bundle, *service.endpoints);
}

// Builds a snapshot line by line; each part hangs on the last one of the kind above it.
class Parser {
 public:
  void Line(const LineReader& line) {
    if (line.op() == "+snapshot") Version(line);
    if (line.op() == "+service") Service(line);
    if (line.op() == "+address") {
      if (const auto address = net::Address::Parse(line.Text("address")))
        made_->by_address[*address] = ReadKey(line);
    }
    if (!bundle_) return;
    if (line.op() == "+port") {
      bundle_->ports.push_back({line.Text("name"), line.Number<std::uint16_t>("port"),
                                line.Enum<policy::Protocol>("protocol"), 0});
    }
    if (line.op() == "+route") Route(line);
    if (line.op() == "+instance") Instance(line);
    if (line.op() == "+policy") Policy(line);
    if (bundle_->routes.empty()) return;
    std::vector<policy::RouteRule>& rules = bundle_->routes.back().rules;
    if (line.op() == "+rule") Rule(line, rules.emplace_back());
    if (rules.empty()) return;
    if (line.op() == "+match") Match(line, rules.back().matches.emplace_back());
    if (line.op() == "+backend") {
      policy::BackendRef& ref = rules.back().backends.emplace_back();
      ref.backend = ReadKey(line);
      ref.weight = line.Number<std::uint32_t>("weight");
      ref.usable = line.Bool("usable");
    }
  }
  snapshot::SnapshotPtr Done() { return std::move(made_); }

 private:
  void Version(const LineReader& line) {
    made_->version = {line.Text("store"), line.Number<std::uint64_t>("epoch"),
                      line.Number<std::uint64_t>("revision")};
    made_->generation = line.Number<std::uint64_t>("generation");
  }
  void Service(const LineReader& line) {
    bundle_ = std::make_shared<policy::ServiceBundle>();
    endpoints_ = std::make_shared<snapshot::Endpoints>();
    bundle_->key = endpoints_->service = ReadKey(line).service;
    auto service = std::make_shared<snapshot::Service>();
    service->bundle = bundle_;
    service->endpoints = endpoints_;
    service->revision = line.Number<std::uint64_t>("revision");
    made_->services[bundle_->key] = service;
    made_->by_name.emplace(bundle_->key.name, bundle_->key);
  }
  void Policy(const LineReader& line) {
    FieldReader fields(line);
    if (bundle_->routes.empty() || bundle_->routes.back().rules.empty()) {
      VisitPolicy(bundle_->policy, fields);
      return;
    }
    VisitRetry(bundle_->routes.back().rules.back().retry, fields);
    VisitTimeouts(bundle_->routes.back().rules.back().timeouts, fields);
  }
  void Route(const LineReader& line) {
    policy::Route& route = bundle_->routes.emplace_back();
    route.name = line.Text("name");
    route.ns = line.Text("ns");
    route.parent_port = line.Number<std::uint16_t>("parent_port");
    route.consumer = line.Bool("consumer");
    route.created = line.Number<std::int64_t>("created");
    route.hostnames = line.All("hostname");
    route.kind = line.Enum<policy::RouteKind>("kind");
  }
  static void Rule(const LineReader& line, policy::RouteRule& rule) {
    rule.name = line.Text("name");
    if (line.Bool("redirect")) rule.redirect.emplace();
  }
  static void Match(const LineReader& line, policy::RouteMatch& match) {
    match.path = {line.Enum<policy::MatchType>("type"), line.Text("path")};
    match.method = line.Text("method");
    match.headers = ReadNamed(line, "header");
    match.query = ReadNamed(line, "query");
  }
  void Instance(const LineReader& line) {
    snapshot::Instance& instance = endpoints_->instances.emplace_back();
    instance.id = line.Text("id");
    instance.zone = line.Text("zone");
    instance.hash = HashBytes(instance.id);
    if (const auto address = net::Address::Parse(line.Text("address"))) instance.address = *address;
    instance.weight = line.Number<std::uint32_t>("weight");
    instance.declared = line.Enum<snapshot::Declared>("declared");
    instance.draining = line.Bool("draining");
    instance.capabilities.meshed = line.Bool("meshed");
    for (const std::string& port : line.All("port")) {
      const std::size_t colon = port.rfind(':');
      instance.ports[port.substr(0, colon)] = static_cast<std::uint16_t>(std::stoi(port.substr(colon + 1)));
    }
  }

  std::shared_ptr<snapshot::Snapshot> made_ = std::make_shared<snapshot::Snapshot>();
  std::shared_ptr<policy::ServiceBundle> bundle_;
  std::shared_ptr<snapshot::Endpoints> endpoints_;
};

}  // namespace

std::string SnapshotText(const snapshot::Snapshot& snapshot) {
  const snapshot::Version& v = snapshot.version;
  std::string out = LineWriter("+snapshot")
                        .Put("store", v.store_id)
                        .Put("epoch", v.epoch)
                        .Put("revision", v.revision)
                        .Put("generation", snapshot.generation)
                        .text() +
                    '\n';
  std::vector<const snapshot::Service*> services;
  for (const auto& [key, service] : snapshot.services) services.push_back(service.get());
  std::sort(services.begin(), services.end(),
            [](auto* a, auto* b) { return a->bundle->key < b->bundle->key; });
  for (const snapshot::Service* service : services) WriteService(out, *service);
  for (const auto& [address, key] : snapshot.by_address) {
    LineWriter line("+address");
    line.Put("address", address.ToString());
    out += PutKey(line, key).text() + '\n';
  }
  return out;
}

bool ReadAlike(const policy::BundlePtr& bundle, const snapshot::EndpointsPtr& endpoints,
               const snapshot::Service& other) {
  if (bundle == other.bundle && endpoints == other.endpoints) return true;
  std::string text, others;
  WriteParts(text, *bundle, *endpoints);
  WriteParts(others, *other.bundle, *other.endpoints);
  return text == others;
}

snapshot::SnapshotPtr ParseSnapshotText(std::span<const std::string> lines) {
  Parser parser;
  for (const std::string& line : lines) parser.Line(LineReader(line));
  return parser.Done();
}

}  // namespace weft::engine
