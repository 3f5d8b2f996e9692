#include "controlplane/stream/metrics.h"

namespace weft::stream {
namespace {

const metrics::Bounds& ConvergenceBounds() {
  static const metrics::Bounds bounds([] {
    std::vector<std::uint64_t> nanos;
    for (const double seconds : kConvergenceBounds)
      nanos.push_back(static_cast<std::uint64_t>(seconds * 1e9));
    return nanos;
  }());
  return bounds;
}

const metrics::Bounds& PushBounds() {
  static const metrics::Bounds bounds({kPushBounds.begin(), kPushBounds.end()});
  return bounds;
}

metrics::FamilyId AddFamily(metrics::Registry& registry, const char* name, const char* help,
                            metrics::Kind kind) {
  return registry.Add({.name = name, .help = help, .kind = kind, .labels = {}});
}

metrics::FamilyId AddHistogram(metrics::Registry& registry, const char* name, const char* help,
                               const metrics::Bounds& bounds, double per_unit) {
  return registry.Add({.name = name,
                       .help = help,
                       .kind = metrics::Kind::kHistogram,
                       .labels = {},
                       .bounds = &bounds,
                       .per_unit = per_unit});
}

}  // namespace

void Expose(const Hub& hub, metrics::Registry& registry) {
  using metrics::Kind;
  const auto agents = AddFamily(registry, "weft_control_agents", "Agents connected now.", Kind::kGauge);
  const auto pushes =
      AddFamily(registry, "weft_control_pushes_total", "Messages sent to agents.", Kind::kCounter);
  const auto bytes = AddHistogram(registry, "weft_control_push_bytes",
                                  "Sizes of the messages sent to agents, as protobuf.", PushBounds(), 1);
  const auto rejects = AddFamily(registry, "weft_control_rejects_total",
                                 "Bundles and whole deltas that agents refused.", Kind::kCounter);
  const auto convergence = AddHistogram(registry, "weft_control_convergence_seconds",
                                        "Time from the release of a revision to the acknowledgement of all "
                                        "of it by an agent that it concerned.",
                                        ConvergenceBounds(), 1e9);
  registry.AddSource([=, &hub](metrics::Samples& samples) {
    const Metrics now = hub.metrics();
    samples.Set(agents, {}, static_cast<double>(now.agents));
    samples.Set(pushes, {}, static_cast<double>(now.pushes));
    samples.SetHistogram(bytes, {}, {now.push_sizes.begin(), now.push_sizes.end()},
                         static_cast<double>(now.push_bytes));
    samples.Set(rejects, {}, static_cast<double>(now.rejects));
    samples.SetHistogram(convergence, {}, {now.convergence.begin(), now.convergence.end()},
                         now.convergence_sum * 1e9);
  });
}

}  // namespace weft::stream
