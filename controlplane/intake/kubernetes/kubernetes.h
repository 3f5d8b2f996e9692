#pragma once
// Services and their endpoints from the API server of Kubernetes. Thread rule: made, started and destroyed by
// one thread; everything else on the io_context's.

#include <memory>

#include "controlplane/intake/kubernetes/reflector.h"
#include "controlplane/intake/source.h"

namespace weft::intake::kubernetes {

struct Options {
  kube::Config config;
  Duration retry_min = std::chrono::milliseconds(100), retry_max = std::chrono::seconds(15);
  Duration watch = std::chrono::minutes(4);
};

class Kubernetes final : public Source {
 public:
  Kubernetes(boost::asio::io_context& context, Sink& sink, Options options);
  ~Kubernetes() override;
  Status Start() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::intake::kubernetes
