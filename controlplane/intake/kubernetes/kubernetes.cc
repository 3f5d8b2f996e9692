#include "controlplane/intake/kubernetes/kubernetes.h"

#include <boost/asio/post.hpp>

#include "controlplane/intake/kubernetes/mapping.h"

namespace weft::intake::kubernetes {
struct Kubernetes::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& its_context, Sink& its_sink, Options options)
      : context(its_context), sink(its_sink), client(std::move(options.config)) {
    const auto make = [&](const char* path) {
      ReflectorOptions reflector;
      reflector.path = path;
      reflector.retry_min = options.retry_min;
      reflector.retry_max = options.retry_max;
      reflector.watch = options.watch;
      return std::make_unique<Reflector>(
          context, client, reflector,
          Reflector::Hooks{[this] { ReportSoon(); }, [this](const Error& why) { sink.Lost(why); }});
    };
    services = make("/api/v1/services");
    slices = make("/apis/discovery.k8s.io/v1/endpointslices");
  }

  void ReportSoon();
  void Report();
  FoundPtr MakeOne(const std::string& key, const ObjectPtr& service, std::vector<ObjectPtr> of_service,
                   Picture& picture);

  struct Made {  // what a service was made of, and what it became
    ObjectPtr service;
    std::vector<ObjectPtr> slices;
    FoundPtr found;                // null: none
    std::optional<Error> problem;  // it cannot be used
  };

  boost::asio::io_context& context;
  Sink& sink;
  const kube::Client client;
  std::unique_ptr<Reflector> services, slices;
  std::map<std::string, Made> made;  // by "namespace/name"
  bool scheduled = false, stopped = false;
};

// What came in one turn is one report.
void Kubernetes::State::ReportSoon() {
  if (std::exchange(scheduled, true)) return;
  boost::asio::post(context, [self = shared_from_this()] {
    self->scheduled = false;
    if (!self->stopped) self->Report();
  });
}

FoundPtr Kubernetes::State::MakeOne(const std::string& key, const ObjectPtr& service,
                                    std::vector<ObjectPtr> of_service, Picture& picture) {
  Made& one = made[key];
  if (one.service != service || one.slices != of_service) {
    auto mapped = Map(*service, of_service, one.found);
    one = {service, std::move(of_service), mapped ? std::move(*mapped) : FoundPtr(), {}};
    if (!mapped) one.problem = mapped.error();
  }
  if (one.problem) picture.unusable.push_back(*one.problem);
  return one.found;
}

void Kubernetes::State::Report() {
  if (!services->synced() || !slices->synced() || !services->up() || !slices->up()) return;
  std::map<std::string, std::vector<ObjectPtr>> by_service;
  for (const auto& [key, slice] : slices->objects()) by_service[ServiceOf(*slice)].push_back(slice);
  auto picture = std::make_shared<Picture>();
  for (const auto& [key, service] : services->objects()) {
    const FoundPtr found = MakeOne(key, service, std::move(by_service[key]), *picture);
    if (found == nullptr) continue;
    const resource::Metadata& metadata = found->document->metadata;
    picture->services.emplace(ServiceKey{"local", metadata.ns, metadata.name}, found);
  }
  std::erase_if(made, [this](const auto& one) { return !services->objects().contains(one.first); });
  (void)sink.Report(std::move(picture));
}

Kubernetes::Kubernetes(boost::asio::io_context& context, Sink& sink, Options options)
    : state_(std::make_shared<State>(context, sink, std::move(options))) {}

Kubernetes::~Kubernetes() {
  state_->stopped = true;
  state_->services.reset();
  state_->slices.reset();
}

Status Kubernetes::Start() {
  boost::asio::post(state_->context, [state = state_] {
    if (state->stopped) return;
    state->services->Start();
    state->slices->Start();
  });
  return {};
}

}  // namespace weft::intake::kubernetes
