#include "controlplane/intake/dns/dns.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <set>

#include "controlplane/intake/backoff.h"
#include "controlplane/intake/document.h"

namespace weft::intake::dns {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMostTargets = 256;  // of one SRV name

// The records that count: of the lowest priority, and none that says there is no such service.
std::vector<Srv> Chosen(std::vector<Srv> all) {
  std::erase_if(all, [](const Srv& one) { return one.target == "." || one.port == 0; });
  std::uint16_t best = 0xffff;
  for (const Srv& one : all) best = std::min(best, one.priority);
  std::erase_if(all, [best](const Srv& one) { return one.priority != best; });
  if (all.size() > kMostTargets) all.resize(kMostTargets);
  return all;
}

std::string PlaceOf(std::string_view id) { return std::string(id.substr(0, id.rfind('@'))); }

}  // namespace

struct Dns::State : std::enable_shared_from_this<State> {
  struct Endpoint {
    std::string target;  // of SRV
    std::uint32_t weight = 1;
  };
  using Endpoints = std::map<net::Address, Endpoint>;
  struct Watched {
    explicit Watched(State& state, const Name& its_name)
        : name(its_name), timer(state.context), backoff(state.options.retry_min, state.options.retry_max) {}
    const Name& name;
    asio::steady_timer timer;
    Backoff backoff;
    resource::DocumentPtr document;
    std::map<std::string, std::string> ids;  // of those that are there, by place
    FoundPtr found;                          // null: it never had a record
    bool emptied = false;                    // the last answer had none, and is not believed yet
    bool answered = false;
    std::string problem;  // of the last try
  };
  using WatchedPtr = std::shared_ptr<Watched>;

  // What the queries of one look at a name bring together.
  struct Gathering {
    WatchedPtr watched;
    std::size_t open = 0;
    Endpoints endpoints;
    std::optional<Duration> ttl;
    std::optional<Error> error;
  };
  using GatheringPtr = std::shared_ptr<Gathering>;

  State(asio::io_context& its_context, Sink& its_sink, Options its_options)
      : context(its_context), sink(its_sink), options(std::move(its_options)) {}

  void Look(const WatchedPtr& watched);
  void AskAddresses(const GatheringPtr& gathering, const std::string& host, const Srv& srv);
  void Took(const GatheringPtr& gathering, const Result<Answer>& answer);
  void Finish(Gathering& gathering);
  void Take(Watched& watched, const Endpoints& endpoints);
  void Again(const WatchedPtr& watched, Duration pause);
  void ReportSoon();
  void Report();

  asio::io_context& context;
  Sink& sink;
  const Options options;
  std::unique_ptr<Resolver> resolver;
  std::vector<WatchedPtr> all;
  bool stopped = false, scheduled = false;
};

void Dns::State::Look(const WatchedPtr& watched) {
  if (stopped) return;
  auto gathering = std::make_shared<Gathering>();
  gathering->watched = watched;
  gathering->open = 1;
  if (!watched->name.srv) {
    AskAddresses(gathering, watched->name.host, {0, 1, watched->name.port, {}});
    Took(gathering, Answer());
    return;
  }
  resolver->Ask(watched->name.host, Type::kSrv,
                [self = shared_from_this(), gathering](const Result<Answer>& answer) {
                  if (answer) {
                    std::set<std::pair<std::string, std::uint16_t>> asked;
                    for (const Srv& srv : Chosen(answer->services)) {
                      if (asked.insert({srv.target, srv.port}).second)
                        self->AskAddresses(gathering, srv.target, srv);
                    }
                  }
                  self->Took(gathering, answer);
                });
}

void Dns::State::AskAddresses(const GatheringPtr& gathering, const std::string& host, const Srv& srv) {
  gathering->open += 2;
  for (const Type type : {Type::kA, Type::kAaaa}) {
    resolver->Ask(host, type, [self = shared_from_this(), gathering, srv](const Result<Answer>& answer) {
      if (answer) {
        for (const net::Ip& ip : answer->addresses)
          gathering->endpoints[{ip, srv.port}] = {srv.target, std::max<std::uint32_t>(srv.weight, 1)};
      }
      self->Took(gathering, answer);
    });
  }
}

void Dns::State::Took(const GatheringPtr& gathering, const Result<Answer>& answer) {
  if (!answer) {
    gathering->error = answer.error();
  } else if (!answer->addresses.empty() || !answer->services.empty()) {
    gathering->ttl = std::min(gathering->ttl.value_or(answer->ttl), answer->ttl);
  }
  if (--gathering->open == 0 && !stopped) Finish(*gathering);
}

void Dns::State::Finish(Gathering& gathering) {
  Watched& watched = *gathering.watched;
  if (gathering.error) {
    watched.problem = gathering.error->Text();
    ReportSoon();
    return Again(gathering.watched, watched.backoff.Next());
  }
  watched.problem.clear();
  watched.backoff.Reset();
  const bool had = watched.found != nullptr && !watched.found->instances.empty();
  const bool doubtful = gathering.endpoints.empty() && had && !watched.emptied;
  watched.emptied = gathering.endpoints.empty();
  watched.answered = true;
  if (!doubtful) Take(watched, gathering.endpoints);
  ReportSoon();
  const Duration pause =
      gathering.endpoints.empty() ? options.retry_min : gathering.ttl.value_or(Duration::zero());
  Again(gathering.watched, std::clamp(pause, options.min_ttl, options.max_ttl));
}

void Dns::State::Take(Watched& watched, const Endpoints& endpoints) {
  if (endpoints.empty() && watched.found == nullptr) return;
  auto found = std::make_shared<Found>(Found{watched.document, {}});
  std::map<std::string, std::string> ids;
  for (const auto& [address, endpoint] : endpoints) {
    const std::string place = address.ToString();
    const auto known = watched.ids.find(place);
    const std::int64_t second = UnixMs(options.wall_clock()) / 1000;
    ids[place] = known != watched.ids.end() ? known->second : place + "@" + std::to_string(second);
    v1::Instance& instance = found->instances.emplace_back();
    instance.set_id(ids[place]);
    instance.set_address(address.ip.ToString());
    instance.set_port(address.port);
    instance.set_weight(endpoint.weight);
    if (endpoint.target.empty()) continue;
    v1::Label& label = *instance.add_labels();
    label.set_name("dns-target");
    label.set_value(endpoint.target);
  }
  watched.ids = std::move(ids);
  watched.found = std::move(found);
}

void Dns::State::Again(const WatchedPtr& watched, Duration pause) {
  watched->timer.expires_after(pause);
  watched->timer.async_wait([self = shared_from_this(), watched](boost::system::error_code cancelled) {
    if (!cancelled) self->Look(watched);
  });
}

void Dns::State::ReportSoon() {
  if (std::exchange(scheduled, true)) return;
  asio::post(context, [self = shared_from_this()] {
    self->scheduled = false;
    self->Report();
  });
}

// The server is away when no name could be had; else only what could not be had stays as it was.
void Dns::State::Report() {
  if (stopped) return;
  auto picture = std::make_shared<Picture>();
  std::size_t good = 0;
  for (const WatchedPtr& watched : all) {
    const ServiceKey key{"local", watched->name.service.namespace_(), watched->name.service.name()};
    if (watched->answered && watched->problem.empty()) ++good;
    if (!watched->problem.empty())
      picture->unusable.push_back({ErrorKind::kUnavailable, watched->problem, {}, key.ToString()});
    if (!watched->answered) picture->unknown.insert(key);
    if (watched->found != nullptr) picture->services[key] = watched->found;
  }
  if (good == 0 && !picture->unusable.empty()) {
    sink.Lost(picture->unusable.front());
  } else if (good > 0) {
    (void)sink.Report(std::move(picture));
  }
}

Dns::Dns(asio::io_context& context, Sink& sink, Options options)
    : state_(std::make_shared<State>(context, sink, std::move(options))) {}

Dns::~Dns() {
  state_->stopped = true;
  for (const auto& watched : state_->all) watched->timer.cancel();
  state_->resolver.reset();
}

Status Dns::Start() {
  auto resolver = Resolver::Make(state_->context, state_->options.resolver);
  if (!resolver) return resolver.error();
  state_->resolver = std::move(*resolver);
  for (const Name& name : state_->options.names) {
    auto document = MakeDocument(name.service);
    if (!document) return document.error();
    auto watched = std::make_shared<State::Watched>(*state_, name);
    watched->document = std::move(*document);
    const auto known = state_->options.known.find({"local", name.service.namespace_(), name.service.name()});
    if (known != state_->options.known.end()) {
      for (const v1::Instance& instance : known->second) watched->ids[PlaceOf(instance.id())] = instance.id();
    }
    state_->all.push_back(watched);
  }
  asio::post(state_->context, [state = state_] {
    for (const auto& watched : state->all) state->Look(watched);
  });
  return {};
}

}  // namespace weft::intake::dns
