#include "controlplane/stream/service.h"

#include <grpcpp/grpcpp.h>

#include "controlplane/caller/caller.h"
#include "controlplane/caller/refusal.h"
#include "weft/v1/mesh.grpc.pb.h"

namespace weft::stream {
namespace {

// Owns itself until OnDone; the hub and running callbacks share it.
class Connection final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::ControlMessage>, public Outlet {
 public:
  Connection(Hub& hub, auth::Principal principal) : hub_(hub), principal_(std::move(principal)) {}

  void Begin(std::shared_ptr<Connection> self) {
    self_ = std::move(self);
    StartRead(&incoming_);
  }

  void Kick() override {
    {
      const std::scoped_lock lock(mutex_);
      if (finished_ || ticket_ == 0) return;
      kicked_ = true;
      if (writing_) return;
      writing_ = true;
    }
    WriteNext();
  }

  void Close(const Error& error) override { End(caller::ToGrpcStatus(error)); }

  void OnReadDone(bool ok) override {
    if (!ok) return End(grpc::Status::OK);
    const Status taken = ticket_ == 0 ? Greet() : hub_.OnMessage(ticket_, incoming_);
    if (!taken) return Close(taken.error());
    incoming_.Clear();
    Kick();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End({grpc::StatusCode::UNAVAILABLE, "the agent closed its stream"});
    WriteNext();
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override {
    hub_.Close(ticket_);
    self_.reset();
  }

 private:
  Status Greet() {
    if (!incoming_.has_hello()) return Invalid("the first message of a stream is a hello", "hello");
    const v1::Hello& hello = incoming_.hello();
    if (auto ok = auth::MaySpeakFor(principal_, hello.namespace_(), hello.service()); !ok) return ok;
    const Result<std::uint64_t> ticket = hub_.Open(hello, principal_.peer, self_);
    if (!ticket) return ticket.error();
    const std::scoped_lock lock(mutex_);
    ticket_ = *ticket;
    return {};
  }

  // The caller has set writing_; it stays set while a write is under way.
  void WriteNext() {
    while (true) {
      {
        const std::scoped_lock lock(mutex_);
        kicked_ = false;
      }
      std::optional<v1::ControlMessage> message = hub_.Next(ticket_);
      const std::scoped_lock lock(mutex_);
      if (finished_) return;
      if (message) {
        outgoing_ = std::move(*message);
        StartWrite(&outgoing_);
        return;
      }
      if (kicked_) continue;
      writing_ = false;
      return;
    }
  }

  void End(const grpc::Status& status) {
    const std::scoped_lock lock(mutex_);
    if (finished_) return;
    finished_ = true;
    Finish(status);
  }

  Hub& hub_;
  const auth::Principal principal_;
  std::shared_ptr<Connection> self_;
  v1::AgentMessage incoming_;
  v1::ControlMessage outgoing_;
  std::mutex mutex_;
  std::uint64_t ticket_ = 0;  // written once, by the reading callback, under the lock
  bool writing_ = false, kicked_ = false, finished_ = false;
};

class MeshService final : public v1::Mesh::CallbackService {
 public:
  MeshService(Hub& hub, auth::Authenticate authenticate)
      : hub_(hub), authenticate_(std::move(authenticate)) {}

  grpc::ServerBidiReactor<v1::AgentMessage, v1::ControlMessage>* Connect(
      grpc::CallbackServerContext* context) override {
    auto principal = authenticate_(caller::CredentialsOf(*context));
    if (!principal) return new caller::Refusal<v1::AgentMessage, v1::ControlMessage>(principal.error());
    const auto connection = std::make_shared<Connection>(hub_, std::move(*principal));
    connection->Begin(connection);
    return connection.get();
  }

 private:
  Hub& hub_;
  const auth::Authenticate authenticate_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeMeshService(Hub& hub, auth::Authenticate authenticate) {
  return std::make_unique<MeshService>(hub, std::move(authenticate));
}

}  // namespace weft::stream
