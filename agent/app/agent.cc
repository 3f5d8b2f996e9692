#include "agent/app/agent.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <iostream>
#include <random>
#include <thread>

#include "agent/admin/admin.h"
#include "agent/app/drain.h"
#include "agent/app/learned_ports.h"
#include "agent/app/need.h"
#include "agent/app/pages.h"
#include "agent/app/plan.h"
#include "agent/app/ports.h"
#include "agent/app/quotas.h"
#include "agent/cold/asio_cold.h"
#include "agent/config/grpc_link.h"
#include "agent/config/retired.h"
#include "agent/decision/recorder.h"
#include "agent/egress/hosts.h"
#include "agent/identity/seal.h"
#include "agent/probe/probe.h"
#include "agent/report/access_log.h"
#include "agent/report/labels.h"
#include "agent/resources/resources.h"
#include "agent/uplink/uplink.h"
#include "common/http/client.h"
#include "common/log/log.h"
#include "common/resident/resident.h"
#include "common/task/task.h"

namespace weft::app {
namespace {

constexpr Duration kLetGo = std::chrono::seconds(30);  // between times that pages of the program are let go
constexpr Duration kLook = std::chrono::milliseconds(100);
constexpr Duration kHoldHost = std::chrono::seconds(5);   // a request, while the name of its host resolves
constexpr Duration kLastWords = std::chrono::seconds(1);  // for what is said when the drain is over

std::string HostName() {
  char name[256] = "agent";
  gethostname(name, sizeof name - 1);
  return name;
}

std::uint64_t RandomSeed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

class Agent {
 public:
  Agent(const Arguments& arguments, const settings::Settings& settings)
      : arguments_(arguments),
        settings_(settings),
        seed_(RandomSeed()),
        families_(*registry_),
        watch_(*registry_, families_),
        learned_ports_(cold_, settings.cache_path.empty() ? std::string() : settings.cache_path + ".ports") {
    if (settings_.node.id.empty()) settings_.node.id = HostName();
  }

  int Run();

 private:
  Status Start();
  Status OpenRecorder();
  Status OpenServers();
  forward::ForwarderOptions ForwarderOptionsOf();
  std::unique_ptr<report::Sink> MakeSink();
  Status MakeKeeper();
  std::unique_ptr<config::Link> MakeLink();
  std::unique_ptr<uplink::Uplink> MakeUplink();
  void GatherStatus(std::function<void(report::AgentStatus)> done);
  void Explain(std::string request_id, std::size_t most, std::function<void(admin::Records)> done);
  void MakeManager();
  exchange::Asked Ask(std::size_t worker, std::string_view authority, const engine::Origin& origin);
  bool AskHost(std::size_t worker, const std::string& authority);
  void Install(const snapshot::SnapshotPtr& snapshot);
  void BeginDrain(const char* trigger, Duration most);
  void Terminate(const char* trigger);
  void Look();
  void LetGoOfPages();
  void Reload();
  admin::Readiness Ready() const;
  admin::Providers MakeProviders();

  const Arguments& arguments_;
  settings::Settings settings_;
  const std::uint64_t seed_;
  boost::asio::io_context context_{1};
  cold::AsioCold cold_{context_};
  std::shared_ptr<metrics::Registry> registry_ = std::make_shared<metrics::Registry>();
  report::Families families_;
  report::EjectionWatch watch_;  // worker 0's thread
  std::shared_ptr<report::LogWriter> access_log_;
  std::unique_ptr<decision::FileRecorder> recorder_;
  LearnedPorts learned_ports_;
  std::unique_ptr<identity::Keeper> keeper_;  // null: no identity is configured
  std::unique_ptr<tls::Contexts> contexts_;   // with it
  std::unique_ptr<forward::Forwarder> forwarder_;
  config::FileLink* files_ = nullptr;
  std::unique_ptr<dial::Dialer> dialer_;  // null: configuration comes from files
  config::Retired retired_{cold_};
  std::unique_ptr<config::Manager> manager_;
  std::unique_ptr<uplink::Uplink> uplink_;
  std::unique_ptr<Quotas> quotas_;
  std::unique_ptr<Need> need_;
  egress::AllowList allow_;               // constant once started
  std::unique_ptr<egress::Hosts> hosts_;  // null until a request names one
  std::unique_ptr<probe::Prober> prober_;
  std::unique_ptr<http::Server> admin_, telemetry_;
  std::unique_ptr<task::Signals> signals_;
  std::unique_ptr<task::Periodic> looking_;
  Drain drain_;
  TimePoint closing_since_;  // zero: not yet
  TimePoint let_go_at_;      // when the pages leave that starting, a configuration or a page of ours touched
  bool started_ = false, terminating_ = false;
};

Status Agent::OpenRecorder() {
  if (settings_.record_path.empty()) return {};
  Result<std::unique_ptr<decision::FileRecorder>> opened =
      decision::FileRecorder::Open(settings_.record_path, settings_.record_max_bytes);
  if (!opened) return opened.error();
  recorder_ = std::move(*opened);
  return {};
}

std::unique_ptr<report::Sink> Agent::MakeSink() {
  std::unique_ptr<report::AccessLog> lines;
  if (access_log_ != nullptr) {
    const bool json = settings_.access_log == settings::AccessLogFormat::kJson;
    lines = std::make_unique<report::AccessLog>(
        access_log_, json ? report::LogFormat::kJson : report::LogFormat::kText, WallMinusMonotonic());
  }
  return std::make_unique<report::Reporter>(*registry_, families_, std::move(lines));
}

forward::ForwarderOptions Agent::ForwarderOptionsOf() {
  forward::ForwarderOptions out;
  out.workers = settings_.workers;
  out.worker.engine.seed = seed_;
  out.worker.engine.cluster = settings_.node.cluster;
  out.worker.engine.ns = settings_.node.ns;
  out.worker.engine.zone = settings_.node.zone;
  out.worker.engine.record_bytes = settings_.decision_bytes * 2 / 3;
  out.worker.request_seed = RandomSeed();
  out.worker.limits = LimitsOf(settings_.limits);
  out.listeners = ListenersOf(settings_);
  out.max_connections = settings_.limits.connections;
  out.recorder = recorder_.get();
  out.contexts = contexts_.get();
  out.make_sink = [this](std::size_t) { return MakeSink(); };
  out.need = [this](std::size_t worker, std::string_view authority, const engine::Origin& origin) {
    return Ask(worker, authority, origin);
  };
  out.find = [this](std::size_t worker, const net::Address& address) {
    return need_ != nullptr && need_->AskAddress(worker, address);
  };
  out.on_health = [](const engine::HealthChange& change) {
    log::Info(
        "instance " + std::string(report::ToString(change.to)),
        {{"service", change.backend.ToString()}, {"instance", change.instance}, {"cause", change.cause}});
  };
  out.on_learned = [this] { learned_ports_.Changed(); };
  out.on_view = [this](const engine::ServiceView& view) {
    watch_.Observe(
        view, [this](const BackendKey& key, std::uint64_t hash) { return forwarder_->NameOf(key, hash); });
  };
  return out;
}

dial::DialerOptions WayTo(const settings::ControlPlane& control) {
  return {control.address, control.token_file, control.ca, control.cert, control.key, control.server_name};
}

Status Agent::MakeKeeper() {
  if (!settings_.identity) return {};
  identity::KeeperOptions options;
  options.ns = settings_.node.ns;
  options.service = settings_.node.service;
  options.join_token = settings_.identity->join_token;
  options.join_token_file = settings_.identity->join_token_file;
  options.seed = seed_;
  if (const std::string& path = settings_.identity->cache_key_file; !path.empty()) {
    Result<std::string> secret = identity::ReadSecret(path);
    if (!secret) return secret.error();
    options.secret = std::move(*secret);
    options.cache_path = settings_.cache_path + ".identity";
  }
  keeper_ = std::make_unique<identity::Keeper>(cold_, std::move(options));
  const auto problem = [](const std::string& text) { log::Error("mutual TLS", {{"problem", text}}); };
  const tls::Least least = settings_.identity->tls12 ? tls::Least::kTls12 : tls::Least::kTls13;
  contexts_ = std::make_unique<tls::Contexts>(keeper_->source(), least, problem);
  return {};
}

void Log(bool problem, const std::string& text) { problem ? log::Warn(text) : log::Info(text); }

std::unique_ptr<config::Link> Agent::MakeLink() {
  const settings::Node& node = settings_.node;
  if (!settings_.control_plane) {
    config::FileLinkOptions options{settings_.resources, node.cluster, node.ns};
    auto link = std::make_unique<config::FileLink>(cold_, options, resources::CompileTexts);
    files_ = link.get();
    return link;
  }
  dial::DialerOptions way = WayTo(*settings_.control_plane);
  config::GrpcLinkOptions options = LinkOptionsOf(settings_, seed_);
  if (keeper_ != nullptr) {
    way.identity = &keeper_->source();
    way.join_token = [this] { return keeper_->JoinToken(); };
    options.keeper = keeper_.get();
    options.log = Log;
  }
  dialer_ = std::make_unique<dial::Dialer>(cold_, std::move(way));
  return std::make_unique<config::GrpcLink>(*dialer_, std::move(options));
}

std::unique_ptr<uplink::Uplink> Agent::MakeUplink() {
  if (dialer_ == nullptr) return nullptr;
  uplink::Sources sources;
  sources.gather = [this](auto done) { GatherStatus(std::move(done)); };
  sources.explain = [this](auto id, auto most, auto done) { Explain(std::move(id), most, std::move(done)); };
  sources.last_errors = [this](auto service, auto most, auto done) {
    CollectRecords(*forwarder_, RecordQuery{{}, most, true, std::move(service)}, std::move(done));
  };
  sources.granted = [this](const uplink::QuotaGrant& grant) { quotas_->Granted(grant); };
  return std::make_unique<uplink::Uplink>(*dialer_, UplinkOptionsOf(settings_, seed_), std::move(sources));
}

void Agent::MakeManager() {
  config::ManagerOptions options;
  options.initial = InitialServices(settings_);
  options.cache_path = settings_.control_plane ? settings_.cache_path : std::string();
  options.cache_max_age = settings_.cache_max_age;
  config::ManagerHooks hooks;
  hooks.install = [this](snapshot::SnapshotPtr snapshot) { Install(snapshot); };
  hooks.drain = [this](Duration most) { BeginDrain("control plane", most); };
  hooks.log = Log;
  std::unique_ptr<config::Link> link = MakeLink();
  const bool on_demand = link->on_demand();
  manager_ = std::make_unique<config::Manager>(cold_, options, hooks, std::move(link));
  if (!on_demand) return;
  need_ = std::make_unique<Need>(cold_, *manager_, *forwarder_, settings_.node);
  need_->elsewhere = [this](std::size_t worker, const std::string& authority) {
    return AskHost(worker, authority);
  };
}

// On workers.
exchange::Asked Agent::Ask(std::size_t worker, std::string_view authority, const engine::Origin& origin) {
  const bool proxy = origin.direction == engine::Direction::kOutbound && origin.fixed == nullptr &&
                     origin.original.port == 0;
  const bool listed = proxy && allow_.Lists(authority);
  exchange::Asked out;
  if (listed) {
    out.most = kHoldHost;
    out.otherwise = Reason::kResolveFailed;
  } else if (proxy && !allow_.empty()) {
    out.otherwise = Reason::kEgressDenied;
  }
  out.wait = need_ != nullptr && need_->Ask(worker, authority, origin);
  if (!out.wait && listed) {
    cold_.Post([this, worker, text = std::string(authority)] { AskHost(worker, text); });
    out.wait = true;
  }
  return out;
}

bool Agent::AskHost(std::size_t worker, const std::string& authority) {
  if (!allow_.Lists(authority)) return false;
  if (hosts_ == nullptr) {
    hosts_ = std::make_unique<egress::Hosts>(egress::SystemLookup(&context_), [this] {
      if (manager_->snapshot() != nullptr) Install(manager_->snapshot());
    });
  }
  hosts_->Ask(*egress::ParseHost(authority), ReadMonotonicClock(), [this, worker, authority] {
    forward::Worker* target = forwarder_->workers()[worker].get();
    target->loop().Post([target, authority] { target->AnswerHeld(authority); });
  });
  return true;
}

void Agent::Install(const snapshot::SnapshotPtr& snapshot) {
  const snapshot::SnapshotPtr whole = hosts_ == nullptr ? snapshot : hosts_->Extend(snapshot);
  retired_.Keep(whole);
  forwarder_->Install(whole);
  quotas_->Installed(*whole);
  prober_->Install(snapshot);
}

Status Agent::OpenServers() {
  auto providers = std::make_shared<const admin::Providers>(MakeProviders());
  auto families = std::shared_ptr<const report::Families>(std::shared_ptr<void>(), &families_);
  Result<std::unique_ptr<http::Server>> admin =
      http::Server::Listen(context_, settings_.admin, admin::AdminHandler(providers));
  if (!admin) return admin.error();
  admin_ = std::move(*admin);
  Result<std::unique_ptr<http::Server>> telemetry = http::Server::Listen(
      context_, settings_.telemetry, admin::TelemetryHandler(providers, registry_, families));
  if (!telemetry) return telemetry.error();
  telemetry_ = std::move(*telemetry);
  return {};
}

Status Agent::Start() {
  Result<egress::AllowList> allow = egress::AllowList::Parse(settings_.outbound.egress_allow);
  if (!allow) {
    Error error = allow.error();
    error.where = arguments_.config;
    return error;
  }
  allow_ = std::move(*allow);
  if (settings_.access_log != settings::AccessLogFormat::kNone) {
    Result<std::shared_ptr<report::LogWriter>> writer = report::LogWriter::Open(settings_.access_log_path);
    if (!writer) return writer.error();
    access_log_ = std::move(*writer);
  }
  if (const Status opened = OpenRecorder(); !opened) return opened;
  if (const Status made = MakeKeeper(); !made) return made;
  forwarder_ = std::make_unique<forward::Forwarder>(ForwarderOptionsOf());
  quotas_ = std::make_unique<Quotas>(cold_, *forwarder_);
  if (const Status bound = forwarder_->Bind(); !bound) return bound;
  learned_ports_.Load(forwarder_->learned());
  prober_ = std::make_unique<probe::Prober>(context_, seed_, [this](const probe::Result& result) {
    forwarder_->Checked(result.backend, result.instance, result.passed, result.took);
  });
  MakeManager();
  if (const Status opened = OpenServers(); !opened) return opened;
  uplink_ = MakeUplink();
  manager_->Start();  // installs what is there before the first connection is accepted
  forwarder_->Start();
  if (uplink_ != nullptr) uplink_->Start();
  quotas_->Start(uplink_.get());
  std::vector<std::pair<std::string, std::uint16_t>> ports;
  for (const auto& listener : forwarder_->listeners()) {
    ports.emplace_back(listener->name, listener->listen.port);
    log::Info("listening", {{"name", listener->name}, {"address", listener->listen.ToString()}});
  }
  ports.emplace_back("admin", admin_->address().port);
  ports.emplace_back("telemetry", telemetry_->address().port);
  log::Info("admin",
            {{"address", admin_->address().ToString()}, {"telemetry", telemetry_->address().ToString()}});
  if (!arguments_.ports_file.empty()) {
    if (const Status written = WritePortsFile(arguments_.ports_file, ports); !written) return written;
  }
  started_ = true;
  return {};
}

int Agent::Run() {
  signals_ = std::make_unique<task::Signals>(
      context_, [this] { Terminate("SIGTERM"); }, [this] { Reload(); });
  const Status started = Start();
  if (!started) {
    log::Error("cannot start: " + started.error().Text());
    return 1;
  }
  looking_ = std::make_unique<task::Periodic>(context_, kLook, [this] { Look(); });
  context_.run();
  log::Info("stopped");
  return 0;
}

void Agent::Reload() {
  log::Info("reload", {{"trigger", "SIGHUP"}});
  if (files_ != nullptr) files_->Reload();
}

void Agent::LetGoOfPages() {
  const TimePoint now = ReadMonotonicClock();
  if (now < let_go_at_) return;
  let_go_at_ = now + kLetGo;
  resident::LetGoOfProgramPages();
}

// --- drain ---

void Agent::BeginDrain(const char* trigger, Duration most) {
  if (!started_) return;
  if (most <= Duration::zero()) most = settings_.drain_deadline;
  if (!drain_.Begin(most, ReadMonotonicClock())) return;
  forwarder_->BeginDrain();
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(most).count();
  log::Info("drain begins", {{"trigger", trigger},
                             {"requests", forwarder_->inbound_requests()},
                             {"connections", forwarder_->connections()},
                             {"deadline_ms", whole}});
}

void Agent::Terminate(const char* trigger) {
  terminating_ = true;
  BeginDrain(trigger, Duration::zero());
  if (!started_) context_.stop();
}

void Agent::Look() {
  LetGoOfPages();
  const std::size_t running = terminating_ ? forwarder_->requests() : forwarder_->inbound_requests();
  if (drain_.Look(running, ReadMonotonicClock())) {
    log::Info("drain ended", {{"requests", running}, {"connections", forwarder_->connections()}});
  }
  if (hosts_ != nullptr) hosts_->Refresh(ReadMonotonicClock());
  if (!terminating_ || drain_.state() != Drain::State::kDrained) return;
  const TimePoint now = ReadMonotonicClock();
  if (closing_since_ == TimePoint{}) {
    closing_since_ = now;
    forwarder_->CloseAll();
  }
  if (forwarder_->connections() > 0 && now - closing_since_ < kLastWords) return;
  looking_.reset();
  learned_ports_.Write();
  if (uplink_ != nullptr) uplink_->Stop();
  manager_->Stop();
  if (dialer_ != nullptr) dialer_->Stop();
  forwarder_->Stop();
  if (recorder_ != nullptr) recorder_->Flush();
  context_.stop();
}

// --- pages ---

// `done` is called on the cold thread.
void Agent::GatherStatus(std::function<void(report::AgentStatus)> done) {
  report::Gather(ReportWorkers(*forwarder_), [this, done = std::move(done)](report::AgentStatus status) {
    auto shared = std::make_shared<report::AgentStatus>(std::move(status));
    cold_.Post([this, shared, done] {
      AddLastChecks(*prober_, *shared);
      done(std::move(*shared));
    });
  });
}

void Agent::Explain(std::string request_id, std::size_t most, std::function<void(admin::Records)> done) {
  CollectRecords(*forwarder_, RecordQuery{std::move(request_id), most, false, {}}, std::move(done));
}

admin::Readiness Agent::Ready() const {
  if (drain_.state() != Drain::State::kServing)
    return {false, "draining", "inbound traffic is being drained"};
  if (!started_) return {false, "starting", "listeners are not bound yet"};
  if (manager_->snapshot() == nullptr)
    return {false, "starting", "no configuration yet: " + manager_->status().link_problem};
  return {true, "ready", ""};
}

admin::Providers Agent::MakeProviders() {
  admin::Providers out;
  out.service = settings_.node.service;
  out.wall_minus_monotonic = WallMinusMonotonic();
  out.now = [] { return ReadMonotonicClock(); };
  out.post = [this](std::function<void()> work) { cold_.Post(std::move(work)); };
  out.gather = [this](auto done) { GatherStatus(std::move(done)); };
  out.explain = [this](auto id, auto done) { Explain(std::move(id), 1, std::move(done)); };
  out.decisions = [this](std::size_t most, bool only_bad, std::function<void(admin::Records)> done) {
    CollectRecords(*forwarder_, RecordQuery{{}, most, only_bad, {}}, std::move(done));
  };
  out.config = [this] { return ConfigPage(settings_, *manager_, *forwarder_, keeper_.get()); };
  out.snapshot = [this] { return manager_->snapshot(); };
  out.config_status = [this] {
    const config::ManagerStatus status = manager_->status();
    return admin::ConfigStatus{status.rejected_bundles, status.age};
  };
  if (keeper_ != nullptr) {
    out.identity = [this] {
      const identity::MaterialPtr held = keeper_->source().Now();
      return admin::IdentityStatus{held == nullptr ? WallTime() : held->not_after, keeper_->status().issued,
                                   keeper_->status().refused};
    };
  }
  out.readiness = [this] { return Ready(); };
  out.log_level = [this] { return std::string(LevelName(LevelOf(settings_.log_level))); };
  out.set_log_level = [this](std::string_view text) -> Status {
    const Result<log::Level> level = log::ParseLevel(text);
    if (!level) return level.error();
    log::SetLevel(*level);
    settings_.log_level = *level == log::Level::kDebug  ? settings::LogLevel::kDebug
                          : *level == log::Level::kInfo ? settings::LogLevel::kInfo
                          : *level == log::Level::kWarn ? settings::LogLevel::kWarn
                                                        : settings::LogLevel::kError;
    return {};
  };
  out.drain = [this] { BeginDrain("admin", Duration::zero()); };
  out.quit = [this] { Terminate("admin"); };
  return out;
}

}  // namespace

int RunAgent(const Arguments& arguments, const settings::Settings& settings) {
  log::Settings wanted;
  wanted.level = LevelOf(settings.log_level);
  wanted.format = settings.log_json ? log::Format::kJson : log::Format::kText;
  if (const Status configured = log::Configure(wanted); !configured) {
    std::cerr << "weft-agent: " << configured.error().Text() << "\n";
    return 1;
  }
  return Agent(arguments, settings).Run();
}

int RunReady(const Arguments& arguments) {
  const Result<net::HostPort> where = net::HostPort::Parse(arguments.telemetry);
  if (!where) {
    std::cerr << "weft-agent ready: --telemetry: " << where.error().Text() << "\n";
    return 2;
  }
  http::Request request;
  request.target = "/readyz";
  const TimePoint until = ReadMonotonicClock() + arguments.wait;
  while (true) {
    const Result<http::Response> response = http::Call(*where, request);
    if (response && response->status < 300) return 0;
    if (ReadMonotonicClock() >= until) {
      std::cerr << "weft-agent ready: " << (response ? response->body : response.error().Text()) << "\n";
      return 1;
    }
    std::this_thread::sleep_for(kLook);
  }
}

int RunDrain(const std::string& admin) {
  const Result<net::HostPort> where = net::HostPort::Parse(admin);
  if (!where) {
    std::cerr << "weft-agent drain: --admin: " << where.error().Text() << "\n";
    return 2;
  }
  http::Request request;
  request.method = "POST";
  request.target = "/drain";
  const Result<http::Response> response = http::Call(*where, request);
  if (response && response->status < 300) return 0;
  std::cerr << "weft-agent drain: " << (response ? http::ErrorOf(*response) : response.error()).Text()
            << "\n";
  return 1;
}

}  // namespace weft::app
