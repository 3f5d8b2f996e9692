#include "controlplane/stream/service.h"

#include <grpcpp/grpcpp.h>

#include "controlplane/caller/caller.h"
#include "controlplane/caller/refusal.h"
#include "controlplane/stream/issuing.h"
#include "weft/v1/mesh.grpc.pb.h"

namespace weft::stream {
namespace {

// Owns itself until OnDone; the hub and running callbacks share it.
class Connection final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::ControlMessage>, public Outlet {
 public:
  // `certificate`: that it showed, PEM; empty: none.
  Connection(Hub& hub, identity::Authority* ca, auth::Principal principal, const std::string& certificate)
      : hub_(hub), ca_(ca), principal_(std::move(principal)) {
    const auto shown = certificate.empty() ? Result<x509::Certificate>(Error{}) : x509::Read(certificate);
    if (!shown) return;
    from_unix_ms_ = UnixMs(shown->not_before);
    until_unix_ms_ = UnixMs(shown->not_after);
  }

  void Begin(std::shared_ptr<Connection> self) {
    self_ = std::move(self);
    StartRead(&incoming_);
  }

  void Kick() override {
    {
      const std::scoped_lock lock(mutex_);
      if (finished_ || !greeted_) return;
      kicked_ = true;
      if (writing_) return;
      writing_ = true;
    }
    WriteNext();
  }

  void Close(const Error& error) override { End(caller::ToGrpcStatus(error)); }

  void OnReadDone(bool ok) override {
    if (!ok) return End(grpc::Status::OK);
    const Status taken = greeted_ ? Take() : Greet();
    if (!taken) return Close(taken.error());
    incoming_.Clear();
    Kick();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End({grpc::StatusCode::UNAVAILABLE, "the agent closed its stream"});
    if (issuing_ != nullptr && issuing_->Finished()) return End(grpc::Status::OK);
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
    if (auto ok = CheckJoin(hello); !ok) return ok;
    if (hello.wants_identity() && ca_ != nullptr)
      issuing_ = std::make_unique<Issuing>(
          *ca_, identity::Applicant{principal_.ns, principal_.service, principal_.join, hello.node_id()});
    std::uint64_t ticket = 0;
    if (principal_.join.empty()) {
      const Result<std::uint64_t> opened = hub_.Open(hello, principal_.peer, self_);
      if (!opened) return opened.error();
      ticket = *opened;
      hub_.SetCertificate(ticket, from_unix_ms_, until_unix_ms_);
    }
    const std::scoped_lock lock(mutex_);
    ticket_ = ticket;
    greeted_ = true;
    return {};
  }

  Status CheckJoin(const v1::Hello& hello) const {
    if (principal_.join.empty()) return {};
    const auto refuse = [](std::string why) {
      return Error{ErrorKind::kForbidden, std::move(why), "hello", {}};
    };
    if (!principal_.node.empty() && principal_.node != hello.node_id())
      return refuse("the join token is for the node '" + principal_.node + "' alone");
    if (hello.wants_identity()) return {};
    return refuse("a join token is for a certificate alone; give the agent `identity`");
  }

  Status Take() {
    if (!incoming_.has_certificate_request()) return hub_.OnMessage(ticket_, incoming_);
    if (issuing_ == nullptr)
      return Error{ErrorKind::kUnsupported,
                   "this stream has no certificates: the hello did not want them, or weft-control runs "
                   "without --identity",
                   "certificate_request",
                   {}};
    const auto issued =
        issuing_->OnRequest(incoming_.certificate_request(), ReadMonotonicClock(), ReadWallClock());
    if (!issued) return issued.error();
    if (*issued) hub_.SetCertificate(ticket_, UnixMs((*issued)->not_before), UnixMs((*issued)->not_after));
    return {};
  }

  std::optional<v1::ControlMessage> Next() {
    if (issuing_ != nullptr) {
      if (auto message = issuing_->Next()) return message;
    }
    return hub_.Next(ticket_);
  }

  // The caller has set writing_; it stays set while a write is under way.
  void WriteNext() {
    while (true) {
      {
        const std::scoped_lock lock(mutex_);
        kicked_ = false;
      }
      std::optional<v1::ControlMessage> message = Next();
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
  identity::Authority* const ca_;  // null: none
  const auth::Principal principal_;
  std::int64_t from_unix_ms_ = 0, until_unix_ms_ = 0;  // of the certificate that it showed; zero: none
  std::unique_ptr<Issuing> issuing_;  // written once, before `greeted_`; null: no certificates here
  std::shared_ptr<Connection> self_;
  v1::AgentMessage incoming_;
  v1::ControlMessage outgoing_;
  std::mutex mutex_;
  std::uint64_t ticket_ = 0;  // written once, by the reading callback, under the lock; zero: it joins
  bool greeted_ = false;      // likewise
  bool writing_ = false, kicked_ = false, finished_ = false;
};

class MeshService final : public v1::Mesh::CallbackService {
 public:
  MeshService(Hub& hub, auth::Authenticate authenticate, identity::Authority* ca)
      : hub_(hub), authenticate_(std::move(authenticate)), ca_(ca) {}

  grpc::ServerBidiReactor<v1::AgentMessage, v1::ControlMessage>* Connect(
      grpc::CallbackServerContext* context) override {
    auto principal = authenticate_(caller::CredentialsOf(*context));
    if (!principal) return new caller::Refusal<v1::AgentMessage, v1::ControlMessage>(principal.error());
    const auto connection =
        std::make_shared<Connection>(hub_, ca_, std::move(*principal), caller::CertificateOf(*context));
    connection->Begin(connection);
    return connection.get();
  }

 private:
  Hub& hub_;
  const auth::Authenticate authenticate_;
  identity::Authority* const ca_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeMeshService(Hub& hub, auth::Authenticate authenticate,
                                               identity::Authority* ca) {
  return std::make_unique<MeshService>(hub, std::move(authenticate), ca);
}

}  // namespace weft::stream
