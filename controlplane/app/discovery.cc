#include "controlplane/app/discovery.h"

#include <unistd.h>

#include <cstring>
#include <random>

#include "controlplane/intake/files/files.h"

namespace weft::control {
namespace {

// Of this replica: its pod, and what tells it from the one before in the same pod.
std::string UniqueName() {
  std::string host(256, '\0');
  if (::gethostname(host.data(), host.size() - 1) != 0) host = "weft-control";
  host.resize(std::strlen(host.c_str()));
  return host + "_" + std::to_string(std::random_device()());
}

}  // namespace

Discovery::Discovery(api::Control& control, sources::Board& board, events::Book& events)
    : control_(control), registrar_(control, board, {.events = &events}) {}
Discovery::~Discovery() { Stop(); }

Status Discovery::StartFiles(const std::vector<std::string>& paths) {
  if (paths.empty()) return {};
  files_ = std::make_unique<intake::files::Files>(registrar_.Add("files", {.whole = true}), paths);
  const Status done = files_->Start();
  return control_.RollingOut() ? Status() : done;  // they are taken when the rollout has ended
}

Status Discovery::StartRemote(const DiscoverySettings& settings) {
  intake::SlotOptions slot;
  slot.linger = settings.linger;
  slot.doubt = settings.doubt;
  Status done;
  const auto begin = [&](const char* name, bool used, const auto& make) {
    if (!used) return registrar_.Abandon(name);
    remote_.push_back(make(registrar_.Add(name, slot)));
    if (auto ok = remote_.back()->Start(); !ok && done) done = ok;  // who does not answer yet is no error
  };
  begin("consul", settings.consul.has_value(), [&](intake::Sink& sink) -> std::unique_ptr<intake::Source> {
    return std::make_unique<intake::consul::Consul>(context_, sink, *settings.consul);
  });
  begin("etcd", settings.etcd.has_value(), [&](intake::Sink& sink) -> std::unique_ptr<intake::Source> {
    return std::make_unique<intake::etcd::Etcd>(sink, *settings.etcd);
  });
  begin("dns", settings.dns.has_value(), [&](intake::Sink& sink) -> std::unique_ptr<intake::Source> {
    intake::dns::Options options = *settings.dns;
    for (const ServiceKey& service : control_.ServicesOf("dns"))
      options.known[service] = control_.Discovered("dns", service);
    return std::make_unique<intake::dns::Dns>(context_, sink, std::move(options));
  });
  if (!settings.kubernetes) {
    registrar_.Abandon("kubernetes");
    return done;
  }
  intake::kubernetes::Options options;
  auto config = KubeConfig(settings.kubernetes->kubeconfig);
  if (!config) return config.error();
  options.config = std::move(*config);
  options.status = StatusOptionsOf(options.config);
  begin("kubernetes", true, [&](intake::Sink& sink) -> std::unique_ptr<intake::Source> {
    return std::make_unique<intake::kubernetes::Kubernetes>(context_, sink, std::move(options));
  });
  return done;
}

intake::kubernetes::StatusOptions Discovery::StatusOptionsOf(const kube::Config& config) {
  kube::ElectionOptions election;
  election.ns = config.ns;
  election.identity = UniqueName();
  election_ = std::make_unique<kube::Election>(config, std::move(election));
  election_->Start();
  intake::kubernetes::StatusOptions out;
  out.leads = [this] { return election_->leads(); };
  out.revision = [this] { return control_.version().revision; };
  out.judged = [this] { return control_.JudgedOf("kubernetes"); };
  out.check = [this](const resource::DocumentPtr& document) {
    return control_.CheckOwned("kubernetes", document);
  };
  return out;
}

Status Discovery::Start(const Settings& settings) {
  if (auto ok = StartFiles(settings.resources); !ok) return ok;
  if (auto ok = StartRemote(settings.discovery); !ok) return ok;
  if (!remote_.empty()) thread_ = std::thread([this] { context_.run(); });
  return {};
}

void Discovery::Look() {
  const std::lock_guard one_at_a_time(looking_);
  if (files_ != nullptr) files_->Look();
  for (const auto& source : remote_) source->Look();
}

void Discovery::Stop() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
  {
    const std::lock_guard one_at_a_time(looking_);
    remote_.clear();
  }
  if (election_ != nullptr) election_->Stop();
}

}  // namespace weft::control
