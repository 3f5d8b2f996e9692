#include "agent/dial/dialer.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <fstream>

namespace weft::dial {
namespace {

using Done = std::function<void(bool)>;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

Dialer::Dialer(cold::Cold& cold, DialerOptions options) : cold_(cold), options_(std::move(options)) {}
Dialer::~Dialer() { Stop(); }

void Dialer::Start() {
  if (queue_) return;
  queue_ = std::make_unique<grpc::CompletionQueue>();
  poller_ = std::thread([this] { Poll(); });
}

void Dialer::Stop() {
  if (!*alive_) return;
  *alive_ = false;
  if (!queue_) return;
  queue_->Shutdown();
  poller_.join();
}

std::shared_ptr<grpc::ChannelCredentials> Dialer::MakeCredentials() const {
  if (options_.ca.empty()) return grpc::InsecureChannelCredentials();
  if (held_ == nullptr)
    return grpc::SslCredentials({ReadFile(options_.ca), ReadFile(options_.key), ReadFile(options_.cert)});
  const std::string roots = ReadFile(options_.ca) + held_->roots;
  return shows_ ? grpc::SslCredentials({roots, held_->key, held_->chain})
                : grpc::SslCredentials({roots, {}, {}});
}

// Memory and threads small; keep-alive finds a dead peer within 35 s; a lookup service for settings is not
// asked.
std::shared_ptr<grpc::Channel> Dialer::MakeConnection() const {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetMaxReceiveMessageSize(Dialer::kMaxMessageBytes);
  if (!options_.server_name.empty()) args.SetSslTargetNameOverride(options_.server_name);
  return grpc::CreateCustomChannel(options_.address, MakeCredentials(), args);
}

std::shared_ptr<grpc::Channel> Dialer::Connection() {
  std::shared_ptr<grpc::Channel> held = connection_.lock();
  const grpc_connectivity_state state = held ? held->GetState(false) : GRPC_CHANNEL_SHUTDOWN;
  const bool broken = state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN;
  const identity::MaterialPtr now = options_.identity == nullptr ? nullptr : options_.identity->Now();
  const bool shows = now != nullptr && now->ValidAt(cold_.WallNow());
  if (broken || now != held_ || shows != shows_) {
    held_ = now;
    shows_ = shows;
    connection_ = held = MakeConnection();
  }
  return held;
}

void Dialer::SetSpread(Duration spread) { spread_ = std::clamp(spread, Duration::zero(), kMaxSpread); }

Duration Dialer::HoldBack(Rng& rng) {
  const TimePoint now = cold_.Now();
  const auto spread = static_cast<std::uint64_t>(spread_.count());
  if (turn_ <= now)
    turn_ = now + Duration(static_cast<std::int64_t>(rng.Below(Purpose::kReconnectSpread, spread)));
  return turn_ - now;
}

Status Dialer::CheckFiles() const {
  const std::pair<const char*, const std::string*> files[] = {{"controlPlane.ca", &options_.ca},
                                                              {"controlPlane.cert", &options_.cert},
                                                              {"controlPlane.key", &options_.key}};
  for (const auto& [setting, path] : files) {
    if (!path->empty() && ReadFile(*path).find("-----BEGIN ") == std::string::npos)
      return Invalid("cannot be read as PEM", setting, *path);
  }
  return {};
}

Result<std::string> Dialer::Bearer(bool joins) const {
  if (options_.identity == nullptr) return ReadToken();
  const identity::MaterialPtr held = options_.identity->Now();
  if (held != nullptr && held->ValidAt(cold_.WallNow())) return std::string();
  if (joins) return options_.join_token();
  return Error{ErrorKind::kUnauthenticated, "waits for this agent's first certificate", {}, {}};
}

Result<std::string> Dialer::ReadToken() const {
  const std::string& path = options_.token_file;
  if (path.empty()) return std::string();
  std::ifstream file(path);
  std::string token;
  std::getline(file, token);
  token.resize(std::min(token.find_first_of(" \t\r"), token.size()));
  const bool clean = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!file.eof() && !file.good()) return Invalid("cannot be read", "controlPlane.tokenFile", path);
  if (token.empty() || !clean)
    return Invalid("holds no bearer token on its first line", "controlPlane.tokenFile", path);
  return token;
}

void* Dialer::Tag(std::function<void(bool ok)> done) { return new Done(std::move(done)); }

void Dialer::Poll() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    cold_.Post([done = std::shared_ptr<Done>(static_cast<Done*>(tag)), ok, guard = alive_] {
      if (*guard) (*done)(ok);
    });
  }
}

}  // namespace weft::dial
