#include "controlplane/stream/service.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "controlplane/caller/caller.h"
#include "controlplane/caller/refusal.h"
#include "controlplane/stream/issuing.h"
#include "weft/v1/mesh.grpc.pb.h"

namespace weft::stream {
namespace {

using Buffer = grpc::ByteBuffer;
using Reactor = grpc::ServerBidiReactor<Buffer, Buffer>;

constexpr const char* kPushback = "grpc-retry-pushback-ms";
constexpr const char* kPushbackMs = "2000";     // an agent adds a random time of its own
constexpr std::size_t kSharedPart = 512;        // smaller ones are copied into the head
constexpr std::size_t kKeptParsed = 256 << 10;  // bytes; a message that took more is not used again

// A slice that keeps its part alive.
grpc::Slice SliceOf(const Part& part) {
  const auto release = [](void* held) { delete static_cast<Part*>(held); };
  return {const_cast<char*>(part->data()), part->size(), release, new Part(part)};
}

Buffer ToBuffer(const Outgoing& message) {
  std::string head = message.head;
  std::vector<grpc::Slice> slices;
  slices.reserve(message.parts.size() + 1);
  for (const Part& part : message.parts) {
    if (part->size() < kSharedPart) {
      head += *part;
    } else {
      slices.push_back(SliceOf(part));
    }
  }
  slices.insert(slices.begin(), grpc::Slice(head));
  return {slices.data(), slices.size()};
}

// Owns itself until OnDone; the hub and running callbacks share it. Messages are read into one per thread,
// and written from what all streams share: an idle stream keeps neither.
class Connection final : public Reactor, public Outlet {
 public:
  Connection(Hub& hub, identity::Authority* ca, auth::Principal principal,
             grpc::CallbackServerContext& context)
      : hub_(hub), ca_(ca), principal_(std::move(principal)), context_(context) {}

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

  void Abort() override {
    const std::scoped_lock lock(mutex_);
    if (!done_) context_.TryCancel();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(grpc::Status::OK);
    const Status taken = Take();
    incoming_.Clear();
    if (!taken) return Refuse(taken.error());
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
    {
      const std::scoped_lock lock(mutex_);
      done_ = true;
    }
    hub_.Close(ticket_);
    self_.reset();
  }

 private:
  Status Take() {
    static thread_local auto message = std::make_unique<v1::AgentMessage>();
    grpc::ProtoBufferReader reader(&incoming_);
    if (!reader.status().ok() || !message->ParseFromZeroCopyStream(&reader))
      return Invalid("is no AgentMessage", "message");
    const Status taken = greeted_ ? Handle(*message) : Greet(*message);
    if (message->SpaceUsedLong() > kKeptParsed) message = std::make_unique<v1::AgentMessage>();
    return taken;
  }

  Status Greet(const v1::AgentMessage& message) {
    if (!message.has_hello()) return Invalid("the first message of a stream is a hello", "hello");
    const v1::Hello& hello = message.hello();
    if (auto ok = auth::MaySpeakFor(principal_, hello.namespace_(), hello.service()); !ok) return ok;
    if (auto ok = CheckJoin(hello); !ok) return ok;
    if (hello.wants_identity() && ca_ != nullptr)
      issuing_ = std::make_unique<Issuing>(
          *ca_, identity::Applicant{principal_.ns, principal_.service, principal_.join, hello.node_id(),
                                    principal_.shown});
    std::uint64_t ticket = 0;
    if (principal_.join.empty()) {
      const Result<std::uint64_t> opened = hub_.Open(hello, principal_.peer, self_);
      if (!opened) return opened.error();
      ticket = *opened;
      hub_.SetCertificate(ticket, principal_.shown);
      if (auto ok = StillGood(); !ok) return hub_.Close(ticket), ok;
    }
    const std::scoped_lock lock(mutex_);
    ticket_ = ticket;
    greeted_ = true;
    return {};
  }

  // Its certificate may have been revoked since it was looked at, and before the hub knew of the stream.
  Status StillGood() const { return ca_ == nullptr ? Status() : ca_->CheckShown(principal_.shown); }

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

  // Of a stream that has said hello.
  Status Handle(const v1::AgentMessage& message) {
    if (!message.has_certificate_request()) return hub_.OnMessage(ticket_, message);
    if (issuing_ == nullptr)
      return Error{ErrorKind::kUnsupported,
                   "this stream has no certificates: the hello did not want them, or weft-control runs "
                   "without --identity",
                   "certificate_request",
                   {}};
    const auto issued =
        issuing_->OnRequest(message.certificate_request(), ReadMonotonicClock(), ReadWallClock());
    if (!issued) return issued.error();
    if (*issued) hub_.SetCertificate(ticket_, (*issued)->shown);
    return {};
  }

  std::optional<Outgoing> Next() {
    if (issuing_ != nullptr) {
      if (const auto message = issuing_->Next()) return Outgoing{message->SerializeAsString(), {}};
    }
    return hub_.Next(ticket_);
  }

  // What came too often or too much is to wait before it comes again.
  void Refuse(const Error& error) {
    if (error.kind == ErrorKind::kOverloaded) {
      const std::scoped_lock lock(mutex_);
      if (!finished_) context_.AddTrailingMetadata(kPushback, kPushbackMs);
    }
    Close(error);
  }

  // The caller has set writing_; it stays set while a write is under way.
  void WriteNext() {
    while (true) {
      {
        const std::scoped_lock lock(mutex_);
        kicked_ = false;
      }
      const std::optional<Outgoing> message = Next();
      const std::scoped_lock lock(mutex_);
      if (finished_) return;
      if (message) {
        outgoing_ = ToBuffer(*message);
        StartWrite(&outgoing_);
        return;
      }
      outgoing_.Clear();
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
  std::unique_ptr<Issuing> issuing_;  // written once, before `greeted_`; null: no certificates here
  grpc::CallbackServerContext& context_;
  std::shared_ptr<Connection> self_;
  Buffer incoming_, outgoing_;
  std::mutex mutex_;
  std::uint64_t ticket_ = 0;  // written once, by the reading callback, under the lock; zero: it joins
  bool greeted_ = false;      // likewise
  bool writing_ = false, kicked_ = false, finished_ = false, done_ = false;
};

class MeshService final : public v1::Mesh::WithRawCallbackMethod_Connect<v1::Mesh::Service> {
 public:
  MeshService(Hub& hub, auth::Authenticate authenticate, identity::Authority* ca)
      : hub_(hub), authenticate_(std::move(authenticate)), ca_(ca) {}

  Reactor* Connect(grpc::CallbackServerContext* context) override {
    auto principal = authenticate_(caller::CredentialsOf(*context));
    if (!principal) return new caller::Refusal<Buffer, Buffer>(principal.error());
    const auto connection = std::make_shared<Connection>(hub_, ca_, std::move(*principal), *context);
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
