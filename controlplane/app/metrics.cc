#include "controlplane/app/metrics.h"

#include "common/metrics/registry.h"

namespace weft::control {

struct MetricsPage::State {
  State(const api::Control& of_control, const stream::Hub& of_hub)
      : control(of_control), hub(of_hub), bounds(BoundsInMicroseconds()) {
    using metrics::Kind;
    agents = Add("weft_control_agents", "Agents connected now.", Kind::kGauge);
    pushes = Add("weft_control_pushes_total", "Messages sent to agents.", Kind::kCounter);
    push_bytes = Add("weft_control_push_bytes_total", "Bytes of messages sent to agents.", Kind::kCounter);
    rejects =
        Add("weft_control_rejects_total", "Bundles or whole deltas that agents refused.", Kind::kCounter);
    convergence = registry.Add({"weft_control_convergence_seconds",
                                "From a release to an agent's acknowledgement of it.",
                                Kind::kHistogram,
                                {},
                                &bounds,
                                1e6});
    revision = Add("weft_control_store_revision", "Last accepted write.", Kind::kGauge);
    writes = Add("weft_control_store_writes_total", "Accepted writes since the start.", Kind::kCounter);
    refused = Add("weft_control_store_refused_writes_total",
                  "Writes that were invalid, stale, lost a race or failed.", Kind::kCounter);
    resources = Add("weft_control_store_resources", "Documents in the store.", Kind::kGauge);
    instances = Add("weft_control_store_instances", "Registered instances.", Kind::kGauge);
    lapsed = Add("weft_control_lapsed_leases_total", "Instances removed because their lease lapsed.",
                 Kind::kCounter);
    registry.AddSource([this](metrics::Samples& samples) { Fill(samples); });
  }

  static std::vector<std::uint64_t> BoundsInMicroseconds() {
    std::vector<std::uint64_t> out;
    for (const double seconds : stream::kConvergenceBounds)
      out.push_back(static_cast<std::uint64_t>(seconds * 1e6));
    return out;
  }
  metrics::FamilyId Add(const char* name, const char* help, metrics::Kind kind) {
    return registry.Add({name, help, kind, {}, nullptr, 1});
  }
  void Fill(metrics::Samples& samples) const {
    const stream::Metrics now = hub.metrics();
    const api::Counts counts = control.counts();
    const auto set = [&samples](metrics::FamilyId family, std::uint64_t value) {
      samples.Set(family, metrics::Values{}, static_cast<double>(value));
    };
    set(agents, now.agents);
    set(pushes, now.pushes);
    set(push_bytes, now.push_bytes);
    set(rejects, now.rejects);
    samples.SetHistogram(convergence, {}, {now.convergence.begin(), now.convergence.end()},
                         now.convergence_sum * 1e6);
    set(revision, counts.revision);
    set(writes, counts.writes);
    set(refused, counts.refused_writes);
    set(resources, counts.resources);
    set(instances, counts.instances);
    set(lapsed, counts.lapsed);
  }

  const api::Control& control;
  const stream::Hub& hub;
  metrics::Bounds bounds;
  metrics::Registry registry;
  metrics::FamilyId agents, pushes, push_bytes, rejects, convergence, revision, writes, refused, resources,
      instances, lapsed;
};

MetricsPage::MetricsPage(const api::Control& control, const stream::Hub& hub)
    : state_(std::make_unique<State>(control, hub)) {}
MetricsPage::~MetricsPage() = default;
std::string MetricsPage::Text() const { return state_->registry.Text(); }
std::vector<std::string> MetricsPage::Describe() const { return state_->registry.Describe(); }

}  // namespace weft::control
