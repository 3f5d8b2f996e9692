#pragma once
// Where the API meets streams and telemetry: what was written goes to the hub, who holds what comes from it.
// Thread rule: any thread.

#include "controlplane/api/backends.h"
#include "controlplane/identity/authority.h"
#include "controlplane/sources/board.h"
#include "controlplane/stream/publisher.h"
#include "controlplane/telemetry/collector.h"

namespace weft::control {

class Delivery final : public api::Publisher {
 public:
  explicit Delivery(stream::Hub& hub) : publisher_(hub) {}

  void Release(const compile::Output& compiled, const snapshot::Version& version) override {
    publisher_.Publish(compiled, version);
  }
  Status CanStage(const compile::Output& compiled) const override { return publisher_.CanStage(compiled); }
  std::set<ServiceKey> Stage(const compile::Output& compiled, const snapshot::Version& version,
                             rollout::Cohort cohort) override {
    return publisher_.Stage(compiled, version, std::move(cohort));
  }
  void Widen(rollout::Cohort cohort) override { publisher_.Widen(std::move(cohort)); }
  void Promote() override { publisher_.Promote(); }
  std::uint64_t Registered(const ServiceKey& service, std::vector<snapshot::Instance> instances) override {
    publisher_.SetRegistered(service, std::move(instances));
    const auto now = publisher_.Find(service);
    return now == nullptr ? 0 : now->version;
  }
  snapshot::EndpointsPtr Endpoints(const ServiceKey& service) const override {
    return publisher_.Find(service);
  }
  telemetry::EndpointLists All() const { return publisher_.Services(); }  // of every released service

 private:
  stream::Publisher publisher_;
};

class Directory final : public api::AgentDirectory {
 public:
  explicit Directory(stream::Hub& hub) : hub_(hub) {}
  std::vector<v1::Agent> Agents(const std::string& ns) const override { return hub_.Agents(ns); }
  Result<v1::AgentConfig> Config(const std::string& node_id) const override { return hub_.Config(node_id); }
  Result<std::uint32_t> Accept(const std::string& node_id) override { return hub_.Accept(node_id); }
  Status Drain(const std::string& node_id, std::int64_t ms) override { return hub_.Drain(node_id, ms); }

  // For issues: the agents that do not hold what they were sent.
  std::vector<issues::AgentLook> Looks() const {
    std::vector<issues::AgentLook> looks;
    for (const v1::Agent& agent : hub_.Behind()) {
      issues::AgentLook look{agent.namespace_(),
                             agent.node_id(),
                             agent.target().revision(),
                             agent.effective().revision(),
                             agent.awaiting_confirmation(),
                             {}};
      if (agent.partial() && agent.has_last_nack()) {
        const v1::BundleNack& nack = agent.last_nack();
        look.refused = ShortName(nack.service().namespace_(), nack.service().name()) + ": " + nack.field() +
                       " " + nack.detail();
      } else if (agent.partial()) {
        look.refused = "a whole update (weftctl events)";
      }
      looks.push_back(std::move(look));
    }
    return looks;
  }

  // Likewise: agents whose certificate should have been renewed, and the issuer's own.
  std::vector<issues::CertificateLook> Ending(const identity::Authority* ca, WallTime now) const {
    std::vector<issues::CertificateLook> looks;
    for (const v1::Agent& agent : hub_.Ending(UnixMs(now)))
      looks.push_back({agent.namespace_(), agent.node_id(),
                       std::chrono::milliseconds(agent.certificate_until_unix_ms() - UnixMs(now))});
    if (ca == nullptr) return looks;
    for (const identity::RootLook& root : ca->ListRoots(now)) {
      const Duration left = root.not_after - now;
      if (!root.distrust &&
          left < std::min<Duration>(10 * ca->settings().spans.leaf, std::chrono::hours(24 * 14)))
        looks.push_back({{}, "identity", left});
    }
    return looks;
  }

 private:
  stream::Hub& hub_;
};

// For issues: the sources of services that do not answer.
inline std::vector<issues::SourceLook> LostSources(const sources::Board& board) {
  std::vector<issues::SourceLook> lost;
  for (const sources::Look& look : board.All()) {
    if (!look.up) lost.push_back({look.name, look.problem, look.services, look.instances});
  }
  return lost;
}

class Fleet final : public api::Fleet {
 public:
  Fleet(const stream::Hub& hub, telemetry::Collector& collector) : hub_(hub), collector_(collector) {}

  rollout::Observation Look(const rollout::Cohort& cohort, const snapshot::Version& candidate) override {
    stream::CohortLook look = hub_.LookAt(cohort, candidate);
    rollout::Observation seen{
        look.connected,           look.agents, static_cast<std::uint32_t>(look.converged.size()),
        std::move(look.refusals), {},          {}};
    collector_.Measured(std::move(look.converged), seen);
    return seen;
  }
  std::vector<std::string> Choose(std::size_t agents, const rollout::Cohort& besides,
                                  const std::set<ServiceKey>& services) const override {
    return hub_.Choose(agents, besides, services);
  }
  void Measure(const std::set<ServiceKey>& services) override { collector_.Measure(services); }

 private:
  const stream::Hub& hub_;
  telemetry::Collector& collector_;
};

class Statistics final : public api::Statistics {
 public:
  explicit Statistics(telemetry::Collector& collector) : collector_(collector) {}
  std::string HealthStats(const std::string& id) const override { return collector_.HealthStats(id); }
  std::string ServiceStats() const override { return collector_.ServiceStats(); }
  std::map<std::string, v1::InstanceHealth> HealthOf(const ServiceKey& service) const override {
    return collector_.HealthOf(service);
  }
  v1::GetGraphResponse Graph(const std::string& ns) const override { return collector_.Graph(ns); }
  v1::ListIssuesResponse Issues(const std::string& ns) const override { return collector_.Issues(ns); }
  v1::ExplainResult Explain(const std::string& request_id, const std::string& last_error_of) override {
    return collector_.Explain(request_id, telemetry::kExplainPatience, last_error_of);
  }

 private:
  telemetry::Collector& collector_;
};

}  // namespace weft::control
