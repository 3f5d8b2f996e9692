#include "controlplane/app/metrics.h"

#include "common/metrics/registry.h"
#include "controlplane/stream/metrics.h"

namespace weft::control {

struct MetricsPage::State {
  State(const api::Control& of_control, const stream::Hub& hub) : control(of_control) {
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
  }

  const api::Control& control;
  metrics::Registry registry;
  metrics::FamilyId revision, writes, refused, resources, instances, lapsed;
};

MetricsPage::MetricsPage(const api::Control& control, const stream::Hub& hub)
    : state_(std::make_unique<State>(control, hub)) {}
MetricsPage::~MetricsPage() = default;
std::string MetricsPage::Text() const { return state_->registry.Text(); }
std::vector<std::string> MetricsPage::Describe() const { return state_->registry.Describe(); }

}  // namespace weft::control
