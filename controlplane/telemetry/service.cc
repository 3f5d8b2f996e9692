#include "controlplane/telemetry/service.h"

#include <grpcpp/grpcpp.h>

#include <deque>

#include "controlplane/caller/caller.h"
#include "controlplane/caller/refusal.h"
#include "weft/v1/telemetry.grpc.pb.h"

namespace weft::telemetry {
namespace {

constexpr std::size_t kMaxWaiting = 64;

// Owns itself until OnDone; the collector shares it.
class ReportStream final : public grpc::ServerBidiReactor<v1::ReportMessage, v1::ReportCommand>,
                           public Channel {
 public:
  ReportStream(Collector& collector, auth::Principal principal, const auth::CheckShown& good)
      : collector_(collector), principal_(std::move(principal)), good_(good) {}

  void Begin(std::shared_ptr<ReportStream> self) {
    self_ = std::move(self);
    StartRead(&incoming_);
  }

  void Write(const v1::ReportCommand& command) override {
    const std::scoped_lock lock(mutex_);
    if (finished_ || waiting_.size() >= kMaxWaiting) return;
    waiting_.push_back(command);
    if (waiting_.size() == 1) StartWrite(&waiting_.front());
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(grpc::Status::OK);
    Status taken = good_ ? good_(principal_.shown) : Status();
    if (taken) taken = ticket_ == 0 ? Greet() : collector_.OnMessage(ticket_, incoming_);
    if (!taken) return End(caller::ToGrpcStatus(taken.error()));
    incoming_.Clear();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End({grpc::StatusCode::UNAVAILABLE, "the agent closed its stream"});
    const std::scoped_lock lock(mutex_);
    waiting_.pop_front();
    if (!finished_ && !waiting_.empty()) StartWrite(&waiting_.front());
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override {
    collector_.Close(ticket_);
    self_.reset();
  }

 private:
  Status Greet() {
    if (!incoming_.has_hello()) return Invalid("the first message of a stream is a hello", "hello");
    const v1::ReportHello& hello = incoming_.hello();
    if (auto ok = auth::MaySpeakFor(principal_, hello.namespace_(), hello.service()); !ok) return ok;
    const Result<std::uint64_t> ticket = collector_.Open(hello, self_);
    if (!ticket) return ticket.error();
    ticket_ = *ticket;
    return {};
  }

  void End(const grpc::Status& status) {
    const std::scoped_lock lock(mutex_);
    if (finished_) return;
    finished_ = true;
    Finish(status);
  }

  Collector& collector_;
  const auth::Principal principal_;
  const auth::CheckShown& good_;  // of the service
  std::shared_ptr<ReportStream> self_;
  v1::ReportMessage incoming_;
  std::uint64_t ticket_ = 0;  // of the reading callbacks
  std::mutex mutex_;
  std::deque<v1::ReportCommand> waiting_;  // the first is being written
  bool finished_ = false;
};

class TelemetryService final : public v1::Telemetry::CallbackService {
 public:
  TelemetryService(Collector& collector, auth::Authenticate may_report, auth::Authenticate may_read,
                   EventStream events, auth::CheckShown good)
      : collector_(collector),
        may_report_(std::move(may_report)),
        may_read_(std::move(may_read)),
        events_(std::move(events)),
        good_(std::move(good)) {}

  grpc::ServerBidiReactor<v1::ReportMessage, v1::ReportCommand>* Report(
      grpc::CallbackServerContext* context) override {
    auto principal = may_report_(caller::CredentialsOf(*context));
    if (!principal) return new caller::Refusal<v1::ReportMessage, v1::ReportCommand>(principal.error());
    const auto report = std::make_shared<ReportStream>(collector_, std::move(*principal), good_);
    report->Begin(report);
    return report.get();
  }

  grpc::ServerUnaryReactor* GetGraph(grpc::CallbackServerContext* context, const v1::GetGraphRequest* request,
                                     v1::GetGraphResponse* response) override {
    return Answer(*context, [&] { *response = collector_.Graph(request->namespace_()); });
  }

  grpc::ServerUnaryReactor* ListIssues(grpc::CallbackServerContext* context,
                                       const v1::ListIssuesRequest* request,
                                       v1::ListIssuesResponse* response) override {
    return Answer(*context, [&] { *response = collector_.Issues(request->namespace_()); });
  }

  grpc::ServerWriteReactor<v1::Event>* WatchEvents(grpc::CallbackServerContext* context,
                                                   const v1::WatchEventsRequest* request) override {
    return events_ ? events_(*context, *request) : nullptr;
  }

 private:
  template <class Fill>
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext& context, Fill&& fill) {
    const auto allowed = may_read_(caller::CredentialsOf(context));
    if (allowed) fill();
    grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
    reactor->Finish(allowed ? grpc::Status::OK : caller::ToGrpcStatus(allowed.error()));
    return reactor;
  }

  Collector& collector_;
  const auth::Authenticate may_report_, may_read_;
  const EventStream events_;
  const auth::CheckShown good_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeTelemetryService(Collector& collector, auth::Authenticate may_report,
                                                    auth::Authenticate may_read, EventStream events,
                                                    auth::CheckShown good) {
  return std::make_unique<TelemetryService>(collector, std::move(may_report), std::move(may_read),
                                            std::move(events), std::move(good));
}

}  // namespace weft::telemetry
