#include "controlplane/app/metrics.h"

#include "common/metrics/registry.h"
#include "controlplane/stream/metrics.h"

namespace weft::control {
namespace {

// One series for each source.
void Expose(const sources::Board& board, metrics::Registry& registry) {
  using metrics::Kind;
  static const std::vector<std::string> kLabels = {"source"};
  const auto add = [&](const char* name, const char* help, Kind kind) {
    return registry.Add({name, help, kind, kLabels, nullptr, 1});
  };
  const auto up = add("weft_control_source_up", "Whether the source of services answers.", Kind::kGauge);
  const auto age = add("weft_control_source_age_seconds",
                       "Age of what the source said last: zero while it is up.", Kind::kGauge);
  const auto services = add("weft_control_source_services", "Services that it has.", Kind::kGauge);
  const auto instances = add("weft_control_source_instances", "Their instances.", Kind::kGauge);
  const auto left_out =
      add("weft_control_source_left_out",
          "What it has and cannot be used: unusable, beyond a bound, of another owner.", Kind::kGauge);
  const auto damped =
      add("weft_control_source_damped", "Instances withheld because they flap.", Kind::kGauge);
  const auto reports = add("weft_control_source_reports_total", "Good answers.", Kind::kCounter);
  const auto errors = add("weft_control_source_errors_total",
                          "Lost connections, refused answers, what could not be written.", Kind::kCounter);
  registry.AddSource([=, &board](metrics::Samples& samples) {
    for (const sources::Look& look : board.All()) {
      const auto set = [&](metrics::FamilyId family, double value) {
        samples.Set(family, {look.name}, value);
      };
      const Duration stale = board.StaleFor(look.name, ReadMonotonicClock());
      set(up, look.up ? 1 : 0);
      set(age, std::chrono::duration<double>(stale).count());
      set(services, static_cast<double>(look.services));
      set(instances, static_cast<double>(look.instances));
      set(left_out, static_cast<double>(look.left_out));
      set(damped, static_cast<double>(look.damped));
      set(reports, static_cast<double>(look.reports));
      set(errors, static_cast<double>(look.errors));
    }
  });
}

}  // namespace

struct MetricsPage::State {
  State(const api::Control& of_control, const stream::Hub& hub, const telemetry::Collector& of_telemetry,
        const identity::Authority* of_mesh, const sources::Board& board)
      : control(of_control), telemetry(of_telemetry), ca(of_mesh) {
    using metrics::Kind;
    stream::Expose(hub, registry);
    Expose(board, registry);
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
    joins = Add("weft_control_identity_joins_total", "Certificates issued for join tokens.", Kind::kCounter);
    renewals =
        Add("weft_control_identity_renewals_total", "Certificates issued to holders of one.", Kind::kCounter);
    refused_requests = Add("weft_control_identity_refused_requests_total",
                           "Requests for certificates that were refused.", Kind::kCounter);
    refused_tokens =
        Add("weft_control_identity_refused_tokens_total", "Join tokens that were refused.", Kind::kCounter);
    failures = Add("weft_control_identity_failures_total",
                   "Failures to write the CA's state or to read the files of its CA.", Kind::kCounter);
    tokens = Add("weft_control_identity_join_tokens", "Join tokens that are valid.", Kind::kGauge);
    roots = Add("weft_control_identity_roots", "Roots that are trusted.", Kind::kGauge);
    revocations =
        Add("weft_control_identity_revocations", "Revocations of certificates in force.", Kind::kGauge);
    issuer_ends = Add("weft_control_identity_issuer_expires_timestamp_seconds",
                      "When the certificate that issues ends, Unix time; 0: there is none.", Kind::kGauge);
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
    const identity::Counts mesh = ca == nullptr ? identity::Counts() : ca->counts(ReadWallClock());
    set(joins, mesh.joins);
    set(renewals, mesh.renewals);
    set(refused_requests, mesh.refused);
    set(refused_tokens, mesh.refused_tokens);
    set(failures, mesh.failures);
    set(tokens, mesh.valid_tokens);
    set(roots, mesh.roots);
    set(revocations, mesh.revocations);
    set(issuer_ends, static_cast<std::uint64_t>(UnixMs(mesh.issuer_ends) / 1000));
  }

  const api::Control& control;
  const telemetry::Collector& telemetry;
  const identity::Authority* ca;
  metrics::Registry registry;
  metrics::FamilyId revision, writes, refused, resources, instances, lapsed, edges, overflows, issues, opened;
  metrics::FamilyId joins, renewals, refused_requests, refused_tokens, failures, tokens, roots, revocations,
      issuer_ends;
};

MetricsPage::MetricsPage(const api::Control& control, const stream::Hub& hub,
                         const telemetry::Collector& telemetry, const sources::Board& board,
                         const identity::Authority* ca)
    : state_(std::make_unique<State>(control, hub, telemetry, ca, board)) {}
MetricsPage::~MetricsPage() = default;
std::string MetricsPage::Text() const { return state_->registry.Text(); }
std::vector<std::string> MetricsPage::Describe() const { return state_->registry.Describe(); }

}  // namespace weft::control
