#include "controlplane/intake/kubernetes/kubernetes.h"

#include <boost/asio/post.hpp>

#include "controlplane/intake/kubernetes/mapping.h"

namespace weft::intake::kubernetes {
namespace {

// To its labels: a node tells much more, and every ten seconds.
void TrimNode(Json& node) {
  if (!node.is_object()) return;
  node.erase("spec");
  node.erase("status");
}

}  // namespace

struct Kubernetes::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& its_context, Sink& its_sink, Options options)
      : context(its_context), sink(its_sink), client(std::move(options.config)) {
    ReflectorOptions reflector;
    reflector.retry_min = options.retry_min;
    reflector.retry_max = options.retry_max;
    reflector.watch = options.watch;
    reflector.absent = options.absent;
    const auto make = [&](const char* path) {
      reflector.path = path;
      return std::make_unique<Reflector>(
          context, client, reflector,
          Reflector::Hooks{[this] { ReportSoon(); }, [this](const Error& why) { sink.Lost(why); }});
    };
    services = make("/api/v1/services");
    slices = make("/apis/discovery.k8s.io/v1/endpointslices");
    ReflectorOptions of_nodes = reflector;
    of_nodes.path = "/api/v1/nodes";
    of_nodes.trim = TrimNode;
    nodes = std::make_unique<Reflector>(context, client, of_nodes,
                                        Reflector::Hooks{[this] { TakeZones(); }, [](const Error&) {}});
    rules = std::make_unique<Rules>(context, client, reflector, [this] { ReportSoon(); });
    if (options.status) statuses = std::make_unique<Statuses>(context, client, std::move(*options.status));
  }

  void ReportSoon();
  void Report();
  void TakeZones();
  void Look();
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
  std::unique_ptr<Reflector> nodes;  // not needed for a report
  Zones zones;
  std::unique_ptr<Rules> rules;
  std::unique_ptr<Statuses> statuses;  // null: none is written
  std::map<std::string, Made> made;    // by "namespace/name"
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
    auto mapped = Map(*service, of_service, one.found, zones);
    one = {service, std::move(of_service), mapped ? std::move(*mapped) : FoundPtr(), {}};
    if (!mapped) one.problem = mapped.error();
  }
  if (one.problem) picture.unusable.push_back(*one.problem);
  return one.found;
}

void Kubernetes::State::Report() {
  if (!services->synced() || !slices->synced() || !services->up() || !slices->up()) return;
  if (!rules->heard()) return;  // agents are not to be told of services without their routes
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
  rules->Fill(*picture);
  (void)sink.Report(std::move(picture));
}

// Nodes change all the time, their zones hardly ever.
void Kubernetes::State::TakeZones() {
  Zones fresh = ZonesOf(nodes->objects());
  if (fresh == zones) return;
  zones = std::move(fresh);
  for (auto& [key, one] : made) one.service = nullptr;  // to be made anew
  ReportSoon();
}

void Kubernetes::State::Look() {
  if (!stopped && statuses != nullptr) statuses->Look(*rules, ReadMonotonicClock());
}

Kubernetes::Kubernetes(boost::asio::io_context& context, Sink& sink, Options options)
    : state_(std::make_shared<State>(context, sink, std::move(options))) {}

Kubernetes::~Kubernetes() {
  state_->stopped = true;
  state_->services.reset();
  state_->slices.reset();
  state_->nodes.reset();
  state_->rules.reset();
  state_->statuses.reset();
}

Status Kubernetes::Start() {
  boost::asio::post(state_->context, [state = state_] {
    if (state->stopped) return;
    state->services->Start();
    state->slices->Start();
    state->nodes->Start();
    state->rules->Start();
  });
  return {};
}

void Kubernetes::Look() {
  boost::asio::post(state_->context, [state = state_] { state->Look(); });
}

}  // namespace weft::intake::kubernetes
