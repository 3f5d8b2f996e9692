#include "agent/config/grpc_link.h"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <fstream>

#include "agent/config/backoff.h"
#include "agent/config/messages.h"
#include "common/wire/wire.h"
#include "weft/v1/mesh.grpc.pb.h"

namespace weft::config {
namespace {

constexpr Duration kStable = std::chrono::seconds(10);  // a stream that lived this long resets the back-off
constexpr Duration kConnectLimit = std::chrono::seconds(5);

// Memory and threads small; keep-alive finds a dead peer within 25 s; a lookup service for settings is not
// asked.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetMaxReceiveMessageSize(GrpcLink::kMaxMessageBytes);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args);
}

Result<std::string> ReadToken(const std::string& path) {
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

std::string Why(const grpc::Status& status) {
  if (status.ok()) return "the control plane ended the stream";
  return status.error_message().empty() ? "gRPC status " + std::to_string(status.error_code())
                                        : status.error_message();
}

}  // namespace

struct GrpcLink::Impl {
  enum class Op : std::uint8_t { kStart, kRead, kWrite, kFinish };

  // One attempt: its channel, call and buffers. Deleted when no operation is outstanding.
  struct Session {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::Mesh::Stub> stub;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::AgentMessage, v1::ControlMessage>> stream;
    v1::ControlMessage incoming;
    v1::AgentMessage outgoing;  // of the write in flight
    grpc::Status status;
    bool started = false, writing = false, finishing = false;
    int outstanding = 0;
    TimePoint connected_at;
  };

  struct Tag {
    std::shared_ptr<Session> session;
    Op op;
  };

  Cold& cold;
  GrpcLinkOptions options;
  Callbacks callbacks;
  Backoff backoff;
  std::unique_ptr<grpc::CompletionQueue> queue;
  std::thread poller;
  std::shared_ptr<Session> session;  // the attempt of now; null: waiting for the next
  std::deque<v1::AgentMessage> outbox;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // cold thread only

  Impl(Cold& cold_in, GrpcLinkOptions options_in)
      : cold(cold_in),
        options(std::move(options_in)),
        backoff(Rng(options.seed, HashBytes(options.node_id))) {}

  void Poll() {
    void* tag = nullptr;
    bool ok = false;
    while (queue->Next(&tag, &ok)) {
      std::shared_ptr<Tag> done(static_cast<Tag*>(tag));
      cold.Post([this, done, ok, guard = alive] {
        if (*guard) Handle(*done, ok);
      });
    }
  }

  void* NewTag(Op op) {
    ++session->outstanding;
    return new Tag{session, op};  // owned by the completion queue until Poll takes it back
  }

  void Connect() {
    callbacks.on_state(LinkState::kConnecting, {});
    session = std::make_shared<Session>();
    if (!options.token_file.empty()) {
      const Result<std::string> token = ReadToken(options.token_file);
      if (!token) return Retry(token.error().Text());
      session->context.AddMetadata("authorization", "Bearer " + *token);
    }
    session->channel = MakeChannel(options.address);
    session->stub = v1::Mesh::NewStub(session->channel);
    session->stream = session->stub->PrepareAsyncConnect(&session->context, queue.get());
    outbox.clear();
    outbox.push_back(MakeHello(options, callbacks.holding()));
    session->stream->StartCall(NewTag(Op::kStart));
    cold.After(kConnectLimit, [this, attempt = std::weak_ptr<Session>(session), guard = alive] {
      const std::shared_ptr<Session> late = attempt.lock();
      if (*guard && late && late == session && !late->started) late->context.TryCancel();
    });
  }

  void Retry(const std::string& why) {
    if (session->started && cold.Now() - session->connected_at >= kStable) backoff.Reset();
    session.reset();
    outbox.clear();
    cold.After(backoff.Next(), [this, guard = alive] {
      if (*guard) Connect();
    });
    callbacks.on_state(LinkState::kWaiting, options.address + ": " + why);
  }

  void Handle(const Tag& done, bool ok) {
    --done.session->outstanding;
    if (done.session != session) return;
    switch (done.op) {
      case Op::kStart: return Started(ok);
      case Op::kRead: return Read(ok);
      case Op::kWrite: return Wrote(ok);
      case Op::kFinish: return Retry(Why(session->status));
    }
  }

  void Started(bool ok) {
    if (!ok) return Finish();
    session->started = true;
    session->connected_at = cold.Now();
    callbacks.on_state(LinkState::kConnected, {});
    session->stream->Read(&session->incoming, NewTag(Op::kRead));
    Write();
  }

  void Read(bool ok) {
    if (!ok) return Finish();
    const std::shared_ptr<Session> mine = session;
    if (session->incoming.has_command()) callbacks.on_command(FromProto(session->incoming.command()));
    if (session->incoming.has_delta()) {
      const v1::Delta& message = session->incoming.delta();
      const Result<snapshot::Delta> delta = wire::FromProto(message);
      if (delta) callbacks.on_delta(*delta);
      if (!delta) callbacks.on_malformed(message.sequence(), delta.error());
    }
    session->incoming.Clear();
    if (session == mine && !session->finishing) session->stream->Read(&session->incoming, NewTag(Op::kRead));
  }

  void Wrote(bool ok) {
    session->writing = false;
    if (ok) Write();  // a failed write is followed by a failed read, which ends the attempt
  }

  void Write() {
    if (session->writing || session->finishing || !session->started || outbox.empty()) return;
    session->outgoing = std::move(outbox.front());
    outbox.pop_front();
    session->writing = true;
    session->stream->Write(session->outgoing, NewTag(Op::kWrite));
  }

  void Finish() {
    if (session->finishing) return;
    session->finishing = true;
    session->stream->Finish(&session->status, NewTag(Op::kFinish));
  }

  // Dropped while there is no stream: the next Hello tells what is held and subscribed to.
  void Send(v1::AgentMessage message) {
    if (!session || session->finishing) return;
    if (outbox.size() >= kMaxQueued) return session->context.TryCancel();
    outbox.push_back(std::move(message));
    Write();
  }
};

GrpcLink::GrpcLink(Cold& cold, GrpcLinkOptions options)
    : impl_(std::make_unique<Impl>(cold, std::move(options))) {}
GrpcLink::~GrpcLink() { Stop(); }

void GrpcLink::Start(Callbacks callbacks) {
  impl_->callbacks = std::move(callbacks);
  impl_->queue = std::make_unique<grpc::CompletionQueue>();
  impl_->poller = std::thread([impl = impl_.get()] { impl->Poll(); });
  impl_->Connect();
}

void GrpcLink::Stop() {
  if (!*impl_->alive) return;
  *impl_->alive = false;
  if (!impl_->queue) return;
  if (impl_->session) impl_->session->context.TryCancel();
  impl_->queue->Shutdown();
  impl_->poller.join();
  impl_->session.reset();
}

void GrpcLink::Subscribe(std::span<const ServiceKey> keys) { impl_->Send(MakeSubscribe(keys)); }
void GrpcLink::Unsubscribe(std::span<const ServiceKey> keys) { impl_->Send(MakeUnsubscribe(keys)); }
void GrpcLink::Acknowledge(const Acknowledgement& ack) { impl_->Send(MakeAckMessage(ack)); }

}  // namespace weft::config
