#include "agent/uplink/uplink.h"

#include "agent/dial/stream.h"
#include "weft/v1/telemetry.grpc.pb.h"

namespace weft::uplink {
namespace {

using Stream = dial::Stream<v1::ReportMessage, v1::ReportCommand>;
constexpr Duration kShortest = std::chrono::milliseconds(100);  // between reports
constexpr std::uint32_t kRecords = 10;
constexpr std::uint32_t kMostRecords = 100;

}  // namespace

struct Uplink::Impl : std::enable_shared_from_this<Impl> {
  Impl(dial::Dialer& dialer_in, Options options_in, Sources sources_in)
      : dialer(dialer_in),
        options(std::move(options_in)),
        sources(std::move(sources_in)),
        differ(dialer.cold().Now()),
        stream(dialer, Rng(options.seed, HashBytes(options.node_id), 1), Hooks()) {}

  Stream::Hooks Hooks() {
    Stream::Hooks hooks;
    hooks.prepare = [](const Stream::Channel& channel, grpc::ClientContext* context,
                       grpc::CompletionQueue* queue) {
      return v1::Telemetry::NewStub(channel)->PrepareAsyncReport(context, queue);
    };
    hooks.hello = [this] { return Hello(); };
    hooks.on_message = [this](const v1::ReportCommand& command) { Take(command); };
    hooks.on_state = [this](dial::State state, const std::string&) {
      connected = state == dial::State::kConnected;
    };
    return hooks;
  }

  v1::ReportMessage Hello() const {
    v1::ReportMessage message;
    message.mutable_hello()->set_node_id(options.node_id);
    message.mutable_hello()->set_namespace_(options.ns);
    message.mutable_hello()->set_service(options.service);
    return message;
  }

  void Take(const v1::ReportCommand& command) {
    if (command.has_explain()) Explain(command.explain());
    for (const v1::QuotaGrant& grant : command.quota().grants()) {
      if (sources.granted)
        sources.granted({static_cast<std::uint16_t>(grant.port()), grant.limit(), grant.rate(),
                         grant.agents(), Duration(grant.lease_ns())});
    }
    if (!command.has_settings()) return;
    const v1::ReportSettings& settings = command.settings();
    if (settings.byte_budget() > 0) differ.SetByteBudget(settings.byte_budget());
    if (settings.interval_ns() <= 0 || Duration(settings.interval_ns()) == options.interval) return;
    options.interval = std::max(kShortest, Duration(settings.interval_ns()));
    Wait();
  }

  // Only the newest wait goes on: a changed interval ends the one before.
  void Wait() {
    dialer.cold().After(options.interval, [weak = weak_from_this(), turn = ++turns] {
      if (const auto self = weak.lock(); self && self->turns == turn) self->Look();
    });
  }

  void Look() {
    Wait();
    if (!connected) return;
    sources.gather([weak = weak_from_this(), &cold = dialer.cold()](report::AgentStatus status) {
      auto shared = std::make_shared<const report::AgentStatus>(std::move(status));
      cold.Post([weak, shared] {
        if (const auto self = weak.lock()) self->Report(*shared);
      });
    });
  }

  void Report(const report::AgentStatus& status) {
    if (!connected) return;  // what was counted stays for the next one
    v1::ReportMessage message;
    *message.mutable_report() = differ.Next(status, {dialer.cold().Now(), options.wall_minus_monotonic});
    stream.Send(std::move(message));
  }

  void Explain(const v1::ExplainRequest& request) {
    const std::uint32_t limit = request.limit() == 0 ? kRecords : std::min(request.limit(), kMostRecords);
    auto done = [weak = weak_from_this(), &cold = dialer.cold(), id = request.id()](Records records) {
      cold.Post([weak, id, records = std::move(records)] {
        if (const auto self = weak.lock()) self->Explained(id, records);
      });
    };
    if (request.last_error_of().empty()) return sources.explain(request.request_id(), limit, std::move(done));
    if (sources.last_errors) return sources.last_errors(request.last_error_of(), limit, std::move(done));
    done({});
  }

  void Explained(std::uint64_t id, const Records& records) {
    v1::ReportMessage message;
    message.mutable_explain()->set_id(id);
    for (const std::string& record : records) message.mutable_explain()->add_records(record);
    stream.Send(std::move(message));
  }

  dial::Dialer& dialer;
  Options options;
  const Sources sources;
  Differ differ;
  bool connected = false;
  std::uint64_t turns = 0;
  Stream stream;
};

Uplink::Uplink(dial::Dialer& dialer, Options options, Sources sources)
    : impl_(std::make_shared<Impl>(dialer, std::move(options), std::move(sources))) {}
Uplink::~Uplink() { Stop(); }

void Uplink::Start() {
  impl_->stream.Start();
  impl_->Wait();
}

void Uplink::Stop() {
  if (impl_) impl_->stream.Stop();
  impl_.reset();
}

void Uplink::AskQuotas(const std::vector<quota::Wanted>& wanted, std::uint64_t revision) {
  if (!connected()) return;
  v1::ReportMessage message;
  message.mutable_quota()->set_revision(revision);
  for (const quota::Wanted& each : wanted) {
    v1::QuotaDemand& demand = *message.mutable_quota()->add_demands();
    demand.set_port(each.backend.port);
    demand.set_limit(each.limit);
    demand.set_cap(each.cap);
    demand.set_wanted(each.wanted);
  }
  impl_->stream.Send(std::move(message));
}

bool Uplink::connected() const { return impl_ && impl_->connected; }

}  // namespace weft::uplink
