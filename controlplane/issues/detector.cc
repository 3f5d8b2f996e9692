#include "controlplane/issues/detector.h"

#include <algorithm>
#include <cmath>

#include "controlplane/issues/advice.h"

namespace weft::issues {
namespace {

constexpr Duration kJudged = std::chrono::seconds(10);
constexpr double kErrorShare = 0.05, kRefusedShare = 0.01, kSlowShare = 0.1;
constexpr std::uint64_t kFewest = 5;              // requests that something happened to
constexpr std::uint32_t kSlowerAtLeast = 10'000;  // microseconds above the usual 95th percentile
constexpr Duration kNewNormal = std::chrono::hours(1);
constexpr Duration kConfigPatience = std::chrono::seconds(10);

// Source: E. B. Wilson, 1927; the share that is exceeded with a certainty of 99.9 %.
double LowerBound(std::uint64_t some, std::uint64_t all) {
  constexpr double kZ = 3;
  if (all == 0) return 0;
  const double n = static_cast<double>(all), p = static_cast<double>(std::min(some, all)) / n;
  const double middle = p + kZ * kZ / (2 * n);
  const double width = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  return (middle - width) / (1 + kZ * kZ / n);
}

std::string OfRequests(std::uint64_t some, std::uint64_t all) {
  return Percent(some, all) + " of " + std::to_string(all) + " requests in the last 10 s";
}

std::uint64_t Poolfuls(const graph::Sum& sum) {
  return sum.Count(Reason::kConnectionOverflow) + sum.Count(Reason::kPendingOverflow);
}

std::uint64_t Limited(const graph::Sum& sum) {
  return sum.Count(Reason::kRequestOverflow) + sum.Count(Reason::kConcurrency) +
         sum.Count(Reason::kBulkhead) + sum.Count(Reason::kRateLimited) + sum.Count(Reason::kMemoryLimit);
}

std::string SaturationAdvice(const graph::Sum& sum, const std::string& to) {
  if (sum.Count(Reason::kRateLimited) * 2 > Limited(sum))
    return "the callers of " + to +
           " send more than rateLimits of its ServicePolicy allow: raise it or slow them down";
  return to +
         " gets more than it may serve at once: add instances, or raise concurrency or "
         "connectionPool.maxRequests";
}

Finding ServiceDown(const ServiceLook& look) {
  const Subject subject = Subject::Service(look.key);
  return {Code::kNoHealthyInstance,
          subject,
          "none of " + std::to_string(look.instances) + " instances is healthy",
          "start or repair instances: weftctl instances " + subject.Text(),
          {}};
}

Finding Flaps(const ServiceLook& look) {
  const Subject subject = Subject::Service(look.key);
  return {Code::kFlapping,
          subject,
          "instance " + look.flapping + " changed between healthy and unhealthy " +
              std::to_string(look.flips) + " times in 5 minutes",
          "find what makes it fail now and then, or raise healthCheck.recoveryThreshold of " + subject.Text(),
          {}};
}

Finding Stale(const AgentLook& look) {
  Finding finding{Code::kStaleConfig, Subject::Agent(look.ns, look.id), {}, {}, {}};
  finding.evidence =
      "it holds revision " + std::to_string(look.held) + ", sent was " + std::to_string(look.target);
  if (!look.refused.empty()) {
    finding.evidence += "; it refuses " + look.refused;
    finding.suggestion = "correct what it refuses, or upgrade an agent that does not know it";
  } else if (look.awaiting) {
    finding.evidence += "; it waits for confirmation of a new store";
    finding.suggestion = "weftctl agents accept " + look.id + ", if the new store is meant";
  } else {
    finding.patience = kConfigPatience;
    finding.suggestion = "look at the agent's log and at the network between it and the control plane";
  }
  return finding;
}

std::string LeftText(Duration left) {
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(left).count();
  if (left <= Duration::zero()) return "has ended";
  if (minutes < 2)
    return "ends in " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(left).count()) + " s";
  return "ends in " +
         (minutes < 120 ? std::to_string(minutes) + " min" : std::to_string(minutes / 60) + " h");
}

Finding Ends(const CertificateLook& look) {
  if (look.ns.empty())
    return {Code::kCertificateExpiry,
            Subject::ControlPlane(look.id),
            "the certificate with which it issues others " + LeftText(look.left),
            "weftctl identity rotate; with a CA elsewhere put a new one into the files of --identity-ca-cert",
            {}};
  return {Code::kCertificateExpiry,
          Subject::Agent(look.ns, look.id),
          "its certificate " + LeftText(look.left) + " and was not renewed",
          "read why in its log and in weftctl events; a certificate from files has to be replaced there",
          {}};
}

constexpr Duration kSourcePatience = std::chrono::seconds(5);  // one that has just begun is no issue

Finding Lost(const SourceLook& look) {
  return {Code::kSourceLost, Subject::Source(look.name),
          "it does not answer: " + look.problem + "; its " + std::to_string(look.services) +
              " service(s) with " + std::to_string(look.instances) + " instance(s) are served as last known",
          "look whether " + look.name + " runs and can be reached from the control plane", kSourcePatience};
}

}  // namespace

void Detector::Certificates(const std::vector<CertificateLook>& ending, TimePoint now) {
  for (const CertificateLook& look : ending) tracker_.Raise(Ends(look), now);
}

bool Detector::Exceeds(Code code, const Subject& subject, std::uint64_t some, std::uint64_t all,
                       double limit) const {
  if (IsOpen(code, subject)) return static_cast<double>(some) > limit / 2 * static_cast<double>(all);
  return some >= kFewest && LowerBound(some, all) > limit;
}

std::vector<Change> Detector::Look(graph::Graph& graph, const std::vector<ServiceLook>* services,
                                   const std::vector<AgentLook>* agents, TimePoint now,
                                   const std::vector<SourceLook>* lost) {
  const std::int64_t step = Nanos(now) / graph::kSlice.count();
  for (auto& [key, edge] : graph.edges()) {
    if (!edge.changed && step == step_) continue;
    LookAt(key, edge, now);
    edge.changed = false;
  }
  step_ = step;
  if (services != nullptr) {
    for (const ServiceLook& look : *services) {
      if (look.instances > 0 && look.healthy == 0) tracker_.Raise(ServiceDown(look), now);
      if (!look.flapping.empty()) tracker_.Raise(Flaps(look), now);
    }
  }
  if (agents != nullptr) {
    for (const AgentLook& look : *agents) tracker_.Raise(Stale(look), now);
  }
  if (lost != nullptr) {
    for (const SourceLook& look : *lost) tracker_.Raise(Lost(look), now);
  }
  return tracker_.Settle(now);
}

void Detector::LookAt(const graph::EdgeKey& key, graph::Edge& edge, TimePoint now) {
  const graph::Sum sum = edge.window.RecentCounts(now, kJudged);
  Refusals(key, sum, now);
  if (key.inbound()) return edge.window.Turn(now, false);  // the callers see the rest
  Errors(key, sum, now);
  Latency(key, edge, now);
  Circuits(key, edge, now);
  const Subject subject = Subject::Edge(key);
  edge.window.Turn(now, !IsOpen(Code::kHighErrorRate, subject) && !IsOpen(Code::kHighLatency, subject));
}

void Detector::Errors(const graph::EdgeKey& key, const graph::Sum& sum, TimePoint now) {
  const Subject subject = Subject::Edge(key);
  if (!Exceeds(Code::kHighErrorRate, subject, sum.failures, sum.requests, kErrorShare)) return;
  tracker_.Raise({Code::kHighErrorRate,
                  subject,
                  OfRequests(sum.failures, sum.requests) + " failed: " + Causes(sum),
                  ErrorAdvice(sum, ShortName(key.to.ns, key.to.name)),
                  {}},
                 now);
}

void Detector::Latency(const graph::EdgeKey& key, graph::Edge& edge, TimePoint now) {
  const Subject subject = Subject::Edge(key);
  const Issue* open = tracker_.Open(Code::kHighLatency, subject);
  if (open != nullptr && now - open->since > kNewNormal) edge.window.ForgetBaseline();
  const graph::Sparse* usual = edge.window.Baseline();
  if (usual == nullptr) return;
  const std::uint32_t p95 = usual->Percentile(95);
  const std::uint32_t limit = std::max(2 * p95, p95 + kSlowerAtLeast);
  const auto [slow, all] = edge.window.Slower(now, kJudged, limit);
  const double usually = static_cast<double>(usual->Above(limit)) / static_cast<double>(usual->total());
  if (!Exceeds(Code::kHighLatency, subject, slow, all, std::max(kSlowShare, 2 * usually))) return;
  const std::string to = ShortName(key.to.ns, key.to.name);
  tracker_.Raise({Code::kHighLatency,
                  subject,
                  OfRequests(slow, all) + " took more than " + Millis(limit) + "; p95 is " +
                      Millis(edge.window.Recent(now, kJudged).latency.Percentile(95)) +
                      ", usual on this edge " + Millis(p95),
                  "look at the load and at what " + to + " calls: weftctl edges --from " + to,
                  {}},
                 now);
}

void Detector::Refusals(const graph::EdgeKey& key, const graph::Sum& sum, TimePoint now) {
  const Subject subject = Subject::Edge(key);
  const std::string to = ShortName(key.to.ns, key.to.name);
  if (Exceeds(Code::kSaturation, subject, Limited(sum), sum.requests, kRefusedShare))
    tracker_.Raise({Code::kSaturation,
                    subject,
                    OfRequests(Limited(sum), sum.requests) + " were refused by a limit: " + Causes(sum),
                    SaturationAdvice(sum, to),
                    {}},
                   now);
  if (key.inbound()) return;
  if (Exceeds(Code::kPoolExhausted, subject, Poolfuls(sum), sum.requests, kRefusedShare))
    tracker_.Raise(
        {Code::kPoolExhausted,
         subject,
         OfRequests(Poolfuls(sum), sum.requests) + " found every connection in use: " + Causes(sum),
         "raise connectionPool.maxConnections or maxPending in a ServicePolicy of " + to +
             ", add instances, or find why its answers take longer",
         {}},
        now);
  const std::uint64_t lost = sum.Count(Reason::kNoInstances) + sum.Count(Reason::kNoHealthyInstances);
  const Subject service = Subject::Service(key.to);
  if (Exceeds(Code::kNoHealthyInstance, service, lost, sum.requests, kErrorShare))
    tracker_.Raise({Code::kNoHealthyInstance,
                    service,
                    OfRequests(lost, sum.requests) + " from " + ShortName(key.from.ns, key.from.name) +
                        " found no instance to go to",
                    "start or repair instances: weftctl instances " + to,
                    {}},
                   now);
}

void Detector::Circuits(const graph::EdgeKey& key, const graph::Edge& edge, TimePoint now) {
  const auto open = std::count_if(edge.circuits.begin(), edge.circuits.end(), [](const auto& circuit) {
    return circuit.second == "open" || circuit.second == "half_open";
  });
  if (open == 0) return;
  const std::string& agent = edge.circuits.begin()->first;
  tracker_.Raise({Code::kCircuitOpen,
                  Subject::Edge(key),
                  std::to_string(open) + " circuit(s) of the callers are open, as the one of agent " +
                      agent.substr(0, agent.rfind(':')),
                  "find what failed before it opened: weftctl events, weftctl explain REQUEST-ID",
                  {}},
                 now);
}

const Issue* Detector::CauseOf(const Issue& issue, const graph::Graph& graph) const {
  const Subject& at = issue.finding.subject;
  if (at.kind != Subject::Kind::kEdge) return nullptr;
  const bool of_callee = issue.finding.code == Code::kHighErrorRate ||
                         issue.finding.code == Code::kHighLatency || issue.finding.code == Code::kCircuitOpen;
  if (!of_callee) return nullptr;
  for (const auto& [key, edge] : graph.edges()) {
    if (key.inbound() || key.from.ns != at.ns || key.from.name != at.name || key.from.client) continue;
    for (const Code code :
         {Code::kHighErrorRate, Code::kPoolExhausted, Code::kCircuitOpen, Code::kHighLatency}) {
      const Issue* below = tracker_.Open(code, Subject::Edge(key));
      const bool itself = key.to.ns == at.from_ns && key.to.name == at.from;
      if (below != nullptr && !itself) return below;
    }
  }
  return nullptr;
}

}  // namespace weft::issues
