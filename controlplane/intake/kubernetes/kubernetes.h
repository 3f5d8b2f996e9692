#pragma once
// Services and their endpoints, routes of the Gateway API and Weft's own kinds from the API server of
// Kubernetes; the status of routes is written back. Thread rule: made, started and destroyed by one thread,
// Look by any; everything else on the io_context's.

#include <memory>

#include "controlplane/intake/kubernetes/statuses.h"

namespace weft::intake::kubernetes {

struct Options {
  kube::Config config;
  Duration retry_min = std::chrono::milliseconds(100), retry_max = std::chrono::seconds(15);
  Duration watch = std::chrono::minutes(4);
  Duration absent = std::chrono::seconds(15);  // of a kind that the cluster does not know: asked again then
  std::optional<StatusOptions> status;         // none: it is not written
};

class Kubernetes final : public Source {
 public:
  Kubernetes(boost::asio::io_context& context, Sink& sink, Options options);
  ~Kubernetes() override;
  Status Start() override;
  void Look() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::intake::kubernetes
