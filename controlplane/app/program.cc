#include "controlplane/app/program.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <fstream>
#include <random>
#include <thread>

#include "common/http/tls/server.h"
#include "common/log/log.h"
#include "common/task/task.h"
#include "controlplane/api/grpc.h"
#include "controlplane/api/rest.h"
#include "controlplane/app/backends.h"
#include "controlplane/app/channel.h"
#include "controlplane/app/discovery.h"
#include "controlplane/app/message_limit.h"
#include "controlplane/app/metrics.h"
#include "controlplane/app/reflection.h"
#include "controlplane/app/tls.h"
#include "controlplane/gate/gate.h"
#include "controlplane/kube/token_review.h"
#include "controlplane/notify/hook.h"
#include "controlplane/store/sqlite/sqlite.h"
#include "controlplane/stream/service.h"
#include "controlplane/telemetry/service.h"

namespace weft::control {
namespace {

constexpr int kHttpThreads = 4;  // an explain waits up to two seconds for agents, a commit for the disk
constexpr std::size_t kMaxHttpBody = 17 << 20;           // the documents' own limit is 16 MiB
constexpr std::size_t kMostHttpConnections = 1024;       // watches, at most 512, hold one each
constexpr Duration kHearing = std::chrono::seconds(10);  // that sources and the webhook are waited for

Result<std::unique_ptr<auth::Authenticator>> MakeAuthenticator(const Settings& settings) {
  if (settings.kubernetes.tokens) {
    if (!settings.token_file.empty() || !settings.client_ca.empty())
      return Invalid("cannot stand beside tokenFile and clientCa yet; leave one of them out",
                     "kubernetes.tokens");
    auto config = KubeConfig(settings.kubernetes.kubeconfig);
    if (!config) return config.error();
    return kube::MakeTokenReview(std::move(*config),
                                 {settings.kubernetes.tokens->audience, settings.kubernetes.tokens->admins});
  }
  if (settings.has_credentials()) {
    return auth::MakeTrusted({settings.token_file, settings.trust_domain}, [](const Error& error) {
      log::Warn("the changed token file cannot be used; the last good one stays", {{"error", error.Text()}});
    });
  }
  if (settings.insecure) log::Warn("serving everybody without credentials (--insecure)");
  return settings.insecure ? auth::MakeInsecure() : auth::MakeLoopback();
}

Status WritePorts(const std::string& path, const net::Address& grpc, const net::Address& http) {
  const std::string fresh = path + ".new";
  std::ofstream file(fresh);
  file << "{\"grpc\": " << grpc.port << ", \"http\": " << http.port << "}\n";
  file.close();
  if (file.fail() || std::rename(fresh.c_str(), path.c_str()) != 0) {
    return Invalid("cannot write the ports file; choose another path", "--ports-file", path);
  }
  return {};
}

}  // namespace

struct Program::Parts {
  explicit Parts(std::unique_ptr<store::Store> opened, std::unique_ptr<auth::Authenticator> who,
                 std::unique_ptr<identity::Authority> of_mesh, const Settings& settings)
      : store(std::move(opened)),
        authenticator(std::move(who)),
        ca(std::move(of_mesh)),
        listening(std::make_shared<Listening>(settings, ca.get())),
        delivery(hub),
        directory(hub),
        collector([this] { return delivery.All(); }, settings.report_interval, ReadMonotonicClock,
                  settings.quota_lease),
        statistics(collector),
        fleet(hub, collector),
        control(*store, delivery,
                {.environment = settings.environment, .events = &events, .fleet = &fleet, .sources = &board}),
        happenings(events),
        api(control, directory, statistics, happenings, ca.get()),
        discovery(control, board, events),
        metrics(control, hub, collector, board, ca.get()),
        rest(api, *authenticator,
             {[this] { return Ready(); }, [this] { return metrics.Text(); }, WEFT_VERSION,
              [this] { return store->version(); }, !settings.has_credentials() && !settings.insecure,
              settings.metrics_auth}) {
    if (ca != nullptr) {
      ca->TellTo(&events);
      authenticator->RefuseBy(StillGood());
    }
    collector.TellTo(&events);
    collector.SetSources([this] { return LostSources(board); });
  }

  auth::Authenticate Require(auth::Role role) {
    return [this, role](const auth::Credentials& credentials) -> Result<auth::Principal> {
      if (gate != nullptr) gate->Arrived(credentials.peer);
      auto principal = authenticator->Authenticate(credentials);
      if (!principal) return principal;
      if (auto ok = auth::Require(*principal, role); !ok) return ok.error();
      return principal;
    };
  }

  // Of an agent's stream: also the bearer of a join token, who gets a certificate and nothing else.
  Result<auth::Principal> WhoConnects(const auth::Credentials& shown) {
    static constexpr std::string_view kScheme = "Bearer ";
    const std::string_view text =
        shown.authorization.substr(std::min(kScheme.size(), shown.authorization.size()));
    if (ca == nullptr || !identity::IsToken(text)) return Require(auth::Role::kAgent)(shown);
    gate->Arrived(shown.peer);
    auto token = ca->CheckToken(text, ReadWallClock());
    if (!token) return token.error();
    auth::Principal principal{"join token " + token->id, auth::Role::kAgent, token->ns, token->service,
                              shown.peer.ToString()};
    principal.join = token->id;
    principal.node = token->node;
    return principal;
  }

  auth::CheckShown StillGood() const {
    if (ca == nullptr) return {};
    return [this](const auth::Shown& shown) { return ca->CheckShown(shown); };
  }

  telemetry::Collector::Looks Looks() const {
    return {directory.Looks(), directory.Ending(ca.get(), ReadWallClock())};
  }

  void WatchIdentity() {
    if (ca == nullptr) return;
    ca->Tick(ReadWallClock());
    const std::uint64_t revoked = ca->revoked();
    if (std::exchange(revoked_seen, revoked) != revoked) hub.EndRefused(StillGood());
    const std::uint64_t now = ca->generation();
    if (std::exchange(roots_told, now) != now) hub.KickAll();
  }

  // An agent who came to a new store before its sources were heard would be told that there is nothing.
  bool Ready() {
    if (!ready || heard) return ready;
    const std::vector<sources::Look> looks = board.All();
    const bool all = (admission == nullptr || admission->port() != 0) &&
                     std::all_of(looks.begin(), looks.end(), [](const auto& look) { return look.ever; });
    if (all || ReadMonotonicClock() - began > kHearing) heard = true;
    return heard;
  }

  Status Bind(const Settings& settings);
  void End();

  const TimePoint began = ReadMonotonicClock();
  std::unique_ptr<store::Store> store;
  std::unique_ptr<auth::Authenticator> authenticator;
  std::unique_ptr<identity::Authority> ca;  // null: certificates come from elsewhere
  std::shared_ptr<Listening> listening;
  std::uint64_t roots_told = 1;                   // generation; of the thread of `every_second`
  std::uint64_t revoked_seen = 0;                 // likewise
  std::shared_ptr<http::tls::Identity> identity;  // null: plain text
  events::Book events;
  stream::Hub hub{ReadMonotonicClock, &events};
  Delivery delivery;
  Directory directory;
  sources::Board board;
  telemetry::Collector collector;
  Statistics statistics;
  Fleet fleet;
  api::Control control;
  api::EventFeed happenings;  // `events`, for those who watch them
  api::Api api;
  Discovery discovery;
  MetricsPage metrics;
  std::atomic<bool> ready{false};  // it serves
  std::atomic<bool> heard{false};  // what it depends on answered once, or was waited for long enough
  api::Rest rest;
  boost::asio::io_context context{kHttpThreads};
  std::vector<std::unique_ptr<grpc::Service>> services;
  std::shared_ptr<grpc::ServerCredentials> server_credentials;  // asked, but not kept, by the server
  std::unique_ptr<gate::Gate> gate;                             // accepts for the server
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> grpc_server;
  std::unique_ptr<http::Server> http_server;
  std::unique_ptr<notify::Notifier> notifier;   // null: events are posted nowhere
  std::unique_ptr<webhook::Webhook> admission;  // null: pods are not injected
  net::Address grpc_address;
  std::optional<task::Signals> signals;
  std::optional<task::Periodic> every_second;
};

Status Program::Parts::Bind(const Settings& settings) {
  if (!settings.events_webhook.empty()) {
    auto hook = notify::MakeHook(context, settings.events_webhook);
    if (!hook) return Error{hook.error().kind, hook.error().detail, "--events-webhook", {}};
    notifier = std::make_unique<notify::Notifier>(events, std::move(*hook), std::random_device{}());
  }
  const auto may_stream = Require(auth::Role::kAgent);  // and whoever may do more
  services = api::MakeGrpcServices(api, *authenticator);
  const auto connects = [this](const auth::Credentials& shown) { return WhoConnects(shown); };
  services.push_back(stream::MakeMeshService(hub, connects, ca.get()));
  services.push_back(telemetry::MakeTelemetryService(collector, may_stream,
                                                     Require(api::RoleOf(api::Rpc::kGetGraph)),
                                                     api::MakeEventStream(api, *authenticator), StillGood()));
  for (auto& service : MakeReflectionServices(Require(auth::Role::kViewer)))
    services.push_back(std::move(service));
  grpc::ServerBuilder builder;
  auto bound = gate::Gate::Listen(settings.grpc);
  if (!bound) return Error{bound.error().kind, bound.error().detail, "--grpc-listen", {}};
  gate = std::move(*bound);
  server_credentials = GrpcCredentials(settings, listening);
  using ExternalConnections = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  acceptor =
      builder.experimental().AddExternalConnectionAcceptor(ExternalConnections::FROM_FD, server_credentials);
  TuneForManyAgents(builder);
  LimitMessages(builder, settings.discovery.etcd ? intake::etcd::kMostMessage : 0);
  for (const auto& service : services) builder.RegisterService(service.get());
  grpc_server = builder.BuildAndStart();
  if (grpc_server == nullptr)
    return Error{ErrorKind::kInternal, "the gRPC server did not start; see the log", "--grpc-listen", {}};
  gate->Start([this](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.fd = fd;
    acceptor->HandleNewConnection(&parameters);
  });
  grpc_address = gate->address();
  http::ServerOptions options;
  options.max_body = kMaxHttpBody;
  options.max_connections = kMostHttpConnections;
  auto handler = http::Deferred([this](const http::Request& request) { return rest(request); });
  auto server = identity == nullptr
                    ? http::Server::Listen(context, settings.http, std::move(handler), options)
                    : http::tls::Listen(context, settings.http, std::move(handler), options, identity);
  if (!server) return Error{server.error().kind, server.error().detail, "--http-listen", {}};
  http_server = std::move(*server);
  if (!settings.kubernetes.webhook) return {};
  auto config = KubeConfig(settings.kubernetes.kubeconfig);
  if (!config) return config.error();
  webhook::Options reviews = *settings.kubernetes.webhook;
  reviews.check = [this](const resource::DocumentPtr& document) {
    return control.CheckOwned("kubernetes", document);
  };
  admission = std::make_unique<webhook::Webhook>(std::move(*config), std::move(reviews));
  admission->Start();
  return {};
}

void Program::Parts::End() {
  ready = false;
  every_second.reset();
  discovery.Stop();
  control.StopWatches();
  happenings.Close();
  if (admission != nullptr) admission->Stop();
  http_server->Stop();
  hub.Stop({ErrorKind::kUnavailable, "the control plane is stopping", {}, {}});
  gate->Stop();
  grpc_server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  signals.reset();
}

Result<std::unique_ptr<Program>> Program::Start(const Settings& settings) {
  if (auto ok = CheckTls(settings); !ok) return ok.error();
  if (auto ok = CheckSecrets(settings); !ok) return ok.error();
  const bool credentials = settings.has_credentials();
  if (auto ok = auth::CheckExposure(settings.grpc, credentials, settings.insecure, "--grpc-listen"); !ok)
    return ok.error();
  if (auto ok = auth::CheckExposure(settings.http, credentials, settings.insecure, "--http-listen"); !ok)
    return ok.error();
  auto authenticator = MakeAuthenticator(settings);
  if (!authenticator) return authenticator.error();
  RaiseDescriptorLimit();
  TuneProcessForManyAgents();
  auto opened = store::sqlite::Open(settings.data);
  if (!opened) return opened.error();
  auto ca = OpenAuthority(settings, ReadWallClock());  // its folder is locked by the store
  if (!ca) return ca.error();
  auto parts =
      std::make_unique<Parts>(std::move(*opened), std::move(*authenticator), std::move(*ca), settings);
  auto identity = RestIdentity(settings, parts->listening);
  if (!identity) return identity.error();
  parts->identity = std::move(*identity);
  if (auto ok = parts->control.Load(); !ok) return ok.error();
  if (auto ok = parts->discovery.Start(settings); !ok) return ok.error();
  parts->hub.Start();  // before agents come: they would take a store not yet shown for an empty one
  if (auto ok = parts->Bind(settings); !ok) {
    if (parts->gate != nullptr) parts->gate->Stop();
    if (parts->grpc_server != nullptr) parts->grpc_server->Shutdown();
    return ok.error();
  }
  parts->ready = true;
  std::unique_ptr<Program> program(new Program(std::move(parts)));
  if (!settings.ports_file.empty()) {
    if (auto ok = WritePorts(settings.ports_file, program->grpc(), program->http()); !ok) return ok.error();
  }
  const store::Version now = program->parts_->store->version();
  log::Info("weft-control is ready", {{"grpc", program->grpc().ToString()},
                                      {"http", program->http().ToString()},
                                      {"store", now.store_id},
                                      {"epoch", now.epoch},
                                      {"revision", now.revision}});
  return program;
}

Program::Program(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Program::~Program() {
  if (parts_->grpc_server != nullptr) parts_->End();
}

net::Address Program::grpc() const { return parts_->grpc_address; }
net::Address Program::http() const { return parts_->http_server->address(); }
void Program::Stop() {
  boost::asio::post(parts_->context, [this] { parts_->End(); });
}

void Program::Run() {
  Parts& parts = *parts_;
  const auto reload = [&parts] { parts.discovery.Look(); };
  parts.signals.emplace(
      parts.context,
      [this] {
        log::Info("stopping");
        parts_->End();
      },
      reload);
  parts.every_second.emplace(parts.context, std::chrono::milliseconds(500), [&parts, reload] {
    parts.control.ExpireLeases();
    parts.control.WatchRollout();
    parts.WatchIdentity();
    parts.collector.Watch([&parts] { return parts.Looks(); }, parts.events);
    parts.happenings.Look();
    parts.happenings.Wake();
    parts.control.WakeWatches();
    if (parts.notifier != nullptr) parts.notifier->Look(ReadMonotonicClock());
    reload();
    parts.discovery.Tick();
  });
  std::vector<std::thread> threads;
  for (int i = 1; i < kHttpThreads; ++i) threads.emplace_back([&parts] { parts.context.run(); });
  parts.context.run();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace weft::control
