#include "controlplane/intake/etcd/etcd.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <fstream>
#include <sstream>
#include <thread>

#include "controlplane/intake/backoff.h"
#include "controlplane/intake/etcd/keys.h"
#include "etcd/v3/etcd.grpc.pb.h"

namespace weft::intake::etcd {
namespace {

namespace pb = etcdserverpb;

constexpr std::int64_t kPage = 1000;  // keys
// etcd closes connections that are pinged more often than every 5 s.
constexpr int kKeepaliveMs = 10'000, kKeepaliveTimeoutMs = 5'000;

Result<std::string> ReadPem(const std::string& name) {
  if (name.empty()) return std::string();
  std::ifstream file(name);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return Invalid("cannot read this PEM file", {}, name);
  return text.str();
}

Result<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const std::optional<Tls>& tls) {
  if (!tls) return grpc::InsecureChannelCredentials();
  const auto ca = ReadPem(tls->ca), cert = ReadPem(tls->cert), key = ReadPem(tls->key);
  for (const auto* one : {&ca, &cert, &key}) {
    if (!*one) return one->error();
  }
  return grpc::SslCredentials({*ca, *key, *cert});
}

Error ErrorOf(const std::string& endpoint, const grpc::Status& status) {
  return {ErrorKind::kUnavailable, "etcd " + endpoint + ": " + status.error_message(), {}, {}};
}

}  // namespace

struct Etcd::State {
  State(Sink& its_sink, Options its_options)
      : sink(its_sink),
        options(std::move(its_options)),
        keys(options.prefix, options.most_keys),
        backoff(options.retry_min, options.retry_max) {}

  void Run();
  bool Once(const std::string& endpoint);  // until something is wrong; true: read again at once
  Result<std::shared_ptr<grpc::Channel>> Connect(const std::string& endpoint) const;
  grpc::Status ReadAll(pb::KV::Stub& stub, std::int64_t& revision);
  bool WatchFrom(const std::shared_ptr<grpc::Channel>& channel, const std::string& endpoint,
                 std::int64_t revision);
  bool Take(const pb::WatchResponse& response);  // false: the watch is over
  void Tell() { (void)sink.Report(keys.Make()); }
  bool Begin(grpc::ClientContext& context);  // a call that Stop can cancel; false: stopped
  void End();
  void Wait(Duration span);
  bool stopped() {
    const std::lock_guard lock(mutex);
    return stopping;
  }

  Sink& sink;
  const Options options;
  Keys keys;
  Backoff backoff;
  std::thread thread;
  std::mutex mutex;  // guards the rest
  std::condition_variable wake;
  bool stopping = false;
  grpc::ClientContext* running = nullptr;
};

bool Etcd::State::Begin(grpc::ClientContext& context) {
  // A member that lost its leader ends the call instead of being silent.
  context.AddMetadata("hasleader", "true");
  const std::lock_guard lock(mutex);
  if (!stopping) running = &context;
  return !stopping;
}

void Etcd::State::End() {
  const std::lock_guard lock(mutex);
  running = nullptr;
}

void Etcd::State::Wait(Duration span) {
  std::unique_lock lock(mutex);
  wake.wait_for(lock, span, [this] { return stopping; });
}

void Etcd::State::Run() {
  for (std::size_t turn = 0; !stopped(); ++turn) {
    const bool at_once = Once(options.endpoints[turn % options.endpoints.size()]);
    if (!at_once) Wait(backoff.Next());
    if (at_once) --turn;  // the same member
  }
}

Result<std::shared_ptr<grpc::Channel>> Etcd::State::Connect(const std::string& endpoint) const {
  const auto credentials = Credentials(options.tls);
  if (!credentials) return credentials.error();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a new attempt is a new connection
  arguments.SetMaxReceiveMessageSize(kMostMessage);
  if (options.tls && !options.tls->server_name.empty())
    arguments.SetSslTargetNameOverride(options.tls->server_name);
  return grpc::CreateCustomChannel(endpoint, *credentials, arguments);
}

bool Etcd::State::Once(const std::string& endpoint) {
  const auto channel = Connect(endpoint);
  if (!channel) {
    sink.Lost(channel.error());
    return false;
  }
  const auto stub = pb::KV::NewStub(*channel);
  std::int64_t revision = 0;
  const grpc::Status read = ReadAll(*stub, revision);
  if (!read.ok()) {
    if (!stopped()) sink.Lost(ErrorOf(endpoint, read));
    return false;
  }
  backoff.Reset();
  if (stopped()) return false;
  Tell();
  return WatchFrom(*channel, endpoint, revision + 1);
}

// Page by page, all as of one revision.
grpc::Status Etcd::State::ReadAll(pb::KV::Stub& stub, std::int64_t& revision) {
  pb::RangeRequest request;
  request.set_key(options.prefix);
  request.set_range_end(RangeEnd(options.prefix));
  request.set_limit(kPage);
  keys.BeginAll();
  for (bool more = true; more;) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + options.call_limit);
    pb::RangeResponse response;
    if (!Begin(context)) return grpc::Status::CANCELLED;
    const grpc::Status status = stub.Range(&context, request, &response);
    End();
    if (!status.ok()) return status;
    if (revision == 0) revision = response.header().revision();
    for (const mvccpb::KeyValue& kv : response.kvs()) keys.Put(kv.key(), kv.value());
    more = response.more() && response.kvs_size() > 0;
    if (!more) break;
    request.set_key(response.kvs(response.kvs_size() - 1).key() + '\0');
    request.set_revision(revision);
  }
  keys.EndAll();
  return grpc::Status::OK;
}

bool Etcd::State::WatchFrom(const std::shared_ptr<grpc::Channel>& channel, const std::string& endpoint,
                            std::int64_t revision) {
  const auto stub = pb::Watch::NewStub(channel);
  grpc::ClientContext context;
  if (!Begin(context)) return false;
  const auto stream = stub->Watch(&context);
  pb::WatchRequest request;
  pb::WatchCreateRequest& create = *request.mutable_create_request();
  create.set_key(options.prefix);
  create.set_range_end(RangeEnd(options.prefix));
  create.set_start_revision(revision);
  create.set_progress_notify(true);
  stream->Write(request);
  pb::WatchResponse response;
  bool going_on = true;
  while (going_on && stream->Read(&response)) going_on = Take(response);
  if (!going_on) context.TryCancel();
  for (pb::WatchResponse rest; stream->Read(&rest);) {
  }
  const grpc::Status ended = stream->Finish();
  End();
  if (stopped()) return false;
  if (!going_on && response.compact_revision() > 0) return true;  // nothing is lost: read it again
  const grpc::Status why =
      going_on ? ended : grpc::Status(grpc::StatusCode::ABORTED, response.cancel_reason());
  sink.Lost(ErrorOf(endpoint, why));
  return false;
}

bool Etcd::State::Take(const pb::WatchResponse& response) {
  if (response.canceled()) return false;
  for (const mvccpb::Event& event : response.events()) {
    if (event.type() == mvccpb::Event::DELETE) {
      keys.Delete(event.kv().key());
    } else {
      keys.Put(event.kv().key(), event.kv().value());
    }
  }
  if (response.events_size() > 0 && !response.fragment()) Tell();
  return true;
}

Etcd::Etcd(Sink& sink, Options options) : state_(std::make_unique<State>(sink, std::move(options))) {}

Etcd::~Etcd() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    if (state_->running != nullptr) state_->running->TryCancel();
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

Status Etcd::Start() {
  if (state_->options.endpoints.empty()) return Invalid("needs at least one HOST:PORT", "endpoints");
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
  return {};
}

}  // namespace weft::intake::etcd
