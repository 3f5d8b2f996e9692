// What the hub knows of its agents, for those who look, and what an operator tells one.
#include <algorithm>

#include "controlplane/stream/hub.h"

namespace weft::stream {
namespace {

constexpr std::size_t kRefusalsTold = 10;

Error NotConnected(const std::string& node_id) {
  return {ErrorKind::kNotFound,
          "no agent '" + node_id + "' is connected; `weftctl agents` lists those that are",
          {},
          {}};
}

}  // namespace

std::vector<v1::Agent> Hub::Agents(const std::string& ns) const {
  std::vector<v1::Agent> agents;
  ForEach([&](const Stream& stream) {
    v1::Agent agent = stream.session.Describe();
    if (ns.empty() || agent.namespace_() == ns) agents.push_back(std::move(agent));
  });
  std::sort(agents.begin(), agents.end(),
            [](const v1::Agent& a, const v1::Agent& b) { return a.node_id() < b.node_id(); });
  return agents;
}

std::vector<v1::Agent> Hub::Behind() const {
  std::vector<v1::Agent> agents;
  ForEach([&](const Stream& stream) {
    if (stream.session.behind()) agents.push_back(stream.session.Describe());
  });
  return agents;
}

std::vector<v1::Agent> Hub::Ending(std::int64_t unix_ms) const {
  std::vector<v1::Agent> agents;
  ForEach([&](const Stream& stream) {
    if (stream.session.Ending(unix_ms)) agents.push_back(stream.session.Describe());
  });
  return agents;
}

CohortLook Hub::LookAt(const rollout::Cohort& cohort, const snapshot::Version& candidate) const {
  CohortLook look;
  look.connected = static_cast<std::uint32_t>(agents_.load());
  ForEach([&](const Stream& stream) {
    const Session& session = stream.session;
    if (!cohort.Has(session.info())) return;
    ++look.agents;
    if (session.Holds(candidate)) look.converged.insert(session.node_id());
    const std::string refusal = session.RefusalOf(candidate);
    if (!refusal.empty() && look.refusals.size() < kRefusalsTold)
      look.refusals.push_back(session.node_id() + ": " + refusal);
  });
  return look;
}

std::vector<std::string> Hub::Choose(std::size_t agents, const rollout::Cohort& besides,
                                     const std::set<ServiceKey>& services) const {
  std::vector<std::pair<std::uint64_t, std::string>> ranked;
  ForEach([&](const Stream& stream) {
    const Session& session = stream.session;
    if (besides.Has(session.info())) return;
    const bool uses = std::any_of(services.begin(), services.end(),
                                  [&](const ServiceKey& key) { return session.Uses(key); });
    ranked.emplace_back((HashBytes(besides.salt + session.node_id()) >> 1) | (uses ? 0 : 1ULL << 63),
                        session.node_id());
  });
  const std::size_t chosen = std::min(agents, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(chosen), ranked.end());
  std::vector<std::string> nodes;
  for (std::size_t i = 0; i < chosen; ++i) nodes.push_back(std::move(ranked[i].second));
  return nodes;
}

Result<v1::AgentConfig> Hub::Config(const std::string& node_id) {
  Shard& shard = ShardOf(node_id);
  const std::scoped_lock lock(shard.mutex);
  const Stream* const found = shard.FindNode(node_id);
  if (found == nullptr) return NotConnected(node_id);
  return found->session.DescribeConfig();
}

Result<std::uint32_t> Hub::Accept(const std::string& node_id) {
  Outlets kick;
  bool known = node_id.empty();
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (auto& [ticket, stream] : shard.streams) {
      if (!node_id.empty() && stream.session.node_id() != node_id) continue;
      known = true;
      if (!stream.session.awaiting_confirmation()) continue;
      stream.session.AcceptResync();
      kick.push_back(stream.outlet);
    }
  }
  if (!known) return NotConnected(node_id);
  for (const auto& outlet : kick) outlet->Kick();
  return static_cast<std::uint32_t>(kick.size());
}

Status Hub::Drain(const std::string& node_id, std::int64_t deadline_ms) {
  std::shared_ptr<Outlet> outlet;
  {
    Shard& shard = ShardOf(node_id);
    const std::scoped_lock lock(shard.mutex);
    Stream* const found = shard.FindNode(node_id);
    if (found == nullptr) return NotConnected(node_id);
    found->session.Drain(deadline_ms);
    outlet = found->outlet;
  }
  outlet->Kick();
  return {};
}

Metrics Hub::metrics() const {
  Metrics sum;
  sum.agents = agents_;
  for (const Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    sum.Add(shard.metrics);
  }
  return sum;
}

}  // namespace weft::stream
