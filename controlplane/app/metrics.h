#pragma once
// weft_control_* on 15014 /metrics: read from their owners at each scrape.

#include <memory>
#include <string>
#include <vector>

#include "controlplane/api/control.h"
#include "controlplane/identity/authority.h"
#include "controlplane/stream/hub.h"
#include "controlplane/telemetry/collector.h"

namespace weft::control {

class MetricsPage {
 public:
  // `ca` null: its metrics are zero.
  MetricsPage(const api::Control& control, const stream::Hub& hub, const telemetry::Collector& telemetry,
              const sources::Board& board, const identity::Authority* ca = nullptr);
  ~MetricsPage();
  std::string Text() const;
  std::vector<std::string> Describe() const;  // "counter weft_control_pushes_total{}", sorted

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weft::control
