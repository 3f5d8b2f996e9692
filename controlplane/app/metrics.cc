#include "controlplane/app/metrics.h"

#include "common/metrics/registry.h"
#include "controlplane/stream/metrics.h"

namespace weft::control {

struct MetricsPage::State {
  State(const api::Control& of_control, const stream::Hub& hub, const telemetry::Collector& of_telemetry)
      : control(of_control), telemetry(of_telemetry) {
    using metrics::Kind;
    stream::Expose(hub, registry);
    revision = Add("weft_control_store_revision", "Last accepted write.", Kind::kGauge);
    writes = Add("weft_control_store_writes_total", "Accepted writes since the start.", Kind::kCounter);
    refused = Add("weft_control_store_refused_writes_total",
                  "Writes that were invalid, stale, lost a race or failed.", Kind::kCounter);
    resources = Add("weft_control_store_resources", "Documents in the store.", Kind::kGauge);
    instances = Add("weft_control_store_instances", "Registered instances.", Kind::kGauge);
    lapsed = Add("weft_control_lapsed_leases_total", "Instances removed because their lease lapsed.",
                 Kind::kCounter);
    edges = Add("weft_control_graph_edges", "Edges of the dependency graph.", Kind::kGauge);
    overflows = Add("weft_control_graph_overflows_total",
                    "Reported edges, circuits and issues beyond their bounds.", Kind::kCounter);
    issues = Add("weft_control_issues", "Open issues.", Kind::kGauge);
    opened = Add("weft_control_issues_opened_total", "Issues opened since the start.", Kind::kCounter);
    registry.AddSource([this](metrics::Samples& samples) { Fill(samples); });
  }

  metrics::FamilyId Add(const char* name, const char* help, metrics::Kind kind) {
    return registry.Add({name, help, kind, {}, nullptr, 1});
  }
  void Fill(metrics::Samples& samples) const {
    const api::Counts counts = control.counts();
    const auto set = [&samples](metrics::FamilyId family, std::uint64_t value) {
      samples.Set(family, metrics::Values{}, static_cast<double>(value));
    };
    set(revision, counts.revision);
    set(writes, counts.writes);
    set(refused, counts.refused_writes);
    set(resources, counts.resources);
    set(instances, counts.instances);
    set(lapsed, counts.lapsed);
    const telemetry::Collector::Counts seen = telemetry.counts();
    set(edges, seen.edges);
    set(overflows, seen.overflows);
    set(issues, seen.issues);
    set(opened, seen.opened);
  }

  const api::Control& control;
  const telemetry::Collector& telemetry;
  metrics::Registry registry;
  metrics::FamilyId revision, writes, refused, resources, instances, lapsed, edges, overflows, issues, opened;
};

MetricsPage::MetricsPage(const api::Control& control, const stream::Hub& hub,
                         const telemetry::Collector& telemetry)
    : state_(std::make_unique<State>(control, hub, telemetry)) {}
MetricsPage::~MetricsPage() = default;
std::string MetricsPage::Text() const { return state_->registry.Text(); }
std::vector<std::string> MetricsPage::Describe() const { return state_->registry.Describe(); }

}  // namespace weft::control
