#include "controlplane/telemetry/collector.h"

#include <algorithm>
#include <cmath>

#include "controlplane/telemetry/changes.h"

namespace weft::telemetry {
namespace {

v1::ReportCommand Settings(Duration interval) {
  v1::ReportCommand command;
  command.mutable_settings()->set_interval_ns(interval.count());
  command.mutable_settings()->set_byte_budget(kReportBytes);
  return command;
}

// No agent of ours says anything else.
bool Sensible(const v1::QuotaDemand& demand) {
  constexpr double kMostRate = 1e6;
  return demand.cap() > 0 && demand.cap() <= kMostRate && demand.wanted() >= 0 &&
         std::isfinite(demand.wanted()) && demand.port() <= 65535 && demand.limit().size() <= 63;
}

void NoteChange(events::Book& events, const issues::Change& change) {
  const issues::Finding& finding = change.issue.finding;
  const std::string code(issues::AboutOf(finding.code).name);
  const events::Object object{
      std::string(finding.subject.KindText()), finding.subject.ns,
      finding.subject.kind == issues::Subject::Kind::kEdge
          ? ShortName(finding.subject.from_ns, finding.subject.from) + " -> " + finding.subject.name
          : finding.subject.name};
  if (change.opened) {
    events.Warning("IssueOpened", object, code + ": " + finding.evidence);
  } else {
    events.Normal("IssueClosed", object, code + " is over");
  }
}

}  // namespace

Collector::Collector(Lists lists, Duration report_interval, std::function<TimePoint()> clock,
                     Duration quota_lease)
    : lists_(std::move(lists)),
      report_interval_(report_interval),
      clock_(std::move(clock)),
      quotas_(quota_lease) {}

Result<std::uint64_t> Collector::Open(const v1::ReportHello& hello, std::shared_ptr<Channel> channel) {
  if (hello.node_id().empty())
    return Invalid("the agent has no id; set node.id in its file", "hello.node_id");
  const std::shared_ptr<Channel> opened = channel;
  std::uint64_t ticket = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (streams_.size() >= kMaxAgents)
      return Error{ErrorKind::kOverloaded, "10000 agents report already", {}, {}};
    ticket = ++last_ticket_;
    streams_[ticket] = {
        hello.node_id(), graph::CallerOf(hello.node_id(), hello.namespace_(), hello.service()),
        hello.service().empty() ? "" : hello.namespace_() + "/" + hello.service(), std::move(channel)};
  }
  opened->Write(Settings(report_interval_));
  return ticket;
}

Status Collector::OnMessage(std::uint64_t ticket, const v1::ReportMessage& message) {
  std::shared_ptr<Channel> asks;
  v1::ReportCommand granted;
  std::unique_lock lock(mutex_);
  const auto found = streams_.find(ticket);
  if (found == streams_.end()) return {};
  if (message.has_hello()) return Invalid("a stream has one hello", "hello");
  if (message.has_report()) {
    const TimePoint now = clock_();
    if (events_ != nullptr) NoteChanges(aggregate_, found->second.node_id, message.report(), *events_);
    aggregate_.Add(found->second.node_id, message.report(), now);
    graph_.Add(found->second.node_id, found->second.caller, message.report(), now);
    if (meter_) meter_->Add(found->second.node_id, message.report(), now);
  }
  if (message.has_explain()) OnExplained(found->second.node_id, message.explain());
  if (message.has_quota() && !found->second.service.empty()) {
    granted = Grant(found->second, message.quota());
    asks = found->second.channel;
  }
  lock.unlock();
  if (asks) asks->Write(granted);
  return {};
}

v1::ReportCommand Collector::Grant(const Stream& stream, const v1::QuotaReport& report) {
  constexpr int kMost = 64;
  v1::ReportCommand command;
  for (int i = 0; i < std::min(report.demands_size(), kMost); ++i) {
    const v1::QuotaDemand& demand = report.demands(i);
    if (!Sensible(demand)) continue;
    const std::string limit = stream.service + ":" + std::to_string(demand.port()) + "/" + demand.limit();
    const quota::Share share =
        quotas_.Ask(stream.node_id, limit, {demand.cap(), report.revision(), demand.wanted()}, clock_());
    if (share.agents == 0) continue;
    v1::QuotaGrant& grant = *command.mutable_quota()->add_grants();
    grant.set_port(demand.port());
    grant.set_limit(demand.limit());
    grant.set_rate(share.rate);
    grant.set_agents(share.agents);
    grant.set_lease_ns(quotas_.lease().count());
  }
  return command;
}

void Collector::Measure(const std::set<ServiceKey>& services) {
  const std::scoped_lock lock(mutex_);
  meter_.reset();
  if (!services.empty()) meter_.emplace(services, clock_());
}

void Collector::Measured(rollout::Members members, rollout::Observation& seen) {
  const std::scoped_lock lock(mutex_);
  if (!meter_) return;
  meter_->SetMembers(std::move(members));
  seen.candidate = meter_->candidate();
  seen.others = meter_->others();
}

void Collector::OnExplained(const std::string& node_id, const v1::ExplainResponse& response) {
  const auto found = questions_.find(response.id());
  if (found == questions_.end() || found->second.open == 0) return;  // Too late.
  Question& question = found->second;
  const int records = std::min<int>(response.records_size(), kExplainRecords);
  for (int i = 0; i < records; ++i) {
    v1::ExplainRecord& record = *question.result.add_records();
    record.set_node_id(node_id);
    record.set_json(response.records(i));
  }
  question.result.set_answered(question.result.answered() + 1);
  if (--question.open == 0) answered_.notify_all();
}

void Collector::Close(std::uint64_t ticket) {
  const std::scoped_lock lock(mutex_);
  const auto found = streams_.find(ticket);
  if (found == streams_.end()) return;
  aggregate_.Forget(found->second.node_id);
  graph_.ForgetAgent(found->second.node_id);
  streams_.erase(found);
}

v1::ExplainResult Collector::Explain(const std::string& request_id, std::chrono::nanoseconds patience,
                                     const std::string& last_error_of) {
  std::vector<std::shared_ptr<Channel>> channels;
  v1::ReportCommand command;
  command.mutable_explain()->set_request_id(request_id);
  command.mutable_explain()->set_limit(last_error_of.empty() ? kExplainRecords : 1);
  command.mutable_explain()->set_last_error_of(last_error_of);
  std::uint64_t id = 0;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [ticket, stream] : streams_) channels.push_back(stream.channel);
    id = ++last_question_;
    Question& question = questions_[id];
    question.open = static_cast<std::uint32_t>(channels.size());
    question.result.set_asked(question.open);
  }
  command.mutable_explain()->set_id(id);
  for (const auto& channel : channels) channel->Write(command);
  std::unique_lock lock(mutex_);
  answered_.wait_for(lock, patience, [&] { return questions_[id].open == 0; });
  v1::ExplainResult result = std::move(questions_[id].result);
  questions_.erase(id);
  return result;
}

std::string Collector::HealthStats(const std::string& correlation_id) const {
  const EndpointLists lists = lists_();
  const std::int64_t unix_ms = UnixMs(ReadWallClock());
  const std::string id = correlation_id.empty() ? "stats-" + std::to_string(unix_ms) : correlation_id;
  const std::scoped_lock lock(mutex_);
  return telemetry::HealthStats(aggregate_, lists, id, {clock_(), unix_ms});
}

std::map<std::string, v1::InstanceHealth> Collector::HealthOf(const ServiceKey& service) const {
  const std::scoped_lock lock(mutex_);
  std::map<std::string, v1::InstanceHealth> all;
  const auto found = aggregate_.services().find(service);
  if (found == aggregate_.services().end()) return all;
  for (const auto& [id, instance] : found->second.instances) all.emplace(id, instance.health);
  return all;
}

std::string Collector::ServiceStats() const {
  const EndpointLists lists = lists_();
  const std::scoped_lock lock(mutex_);
  return telemetry::ServiceStats(aggregate_, lists, clock_());
}

void Collector::Watch(const Looker& look, events::Book& events) {
  const TimePoint now = clock_();
  std::vector<issues::Change> changes;
  const auto due = [&] { return looked_ == TimePoint() || now - looked_ >= kLookInterval; };
  std::unique_lock lock(mutex_);
  if (due()) {
    looked_ = now;
    lock.unlock();
    const EndpointLists lists = lists_();
    const Looks looks = look();
    const std::vector<issues::SourceLook> lost = lost_();
    lock.lock();
    const std::vector<issues::ServiceLook> services = LookAtServices(aggregate_, lists, now);
    graph_.Expire(now);
    detector_.Certificates(looks.certificates, now);
    changes = detector_.Look(graph_, &services, &looks.agents, now, &lost);
  } else {
    changes = detector_.Look(graph_, nullptr, nullptr, now);
  }
  lock.unlock();
  for (const issues::Change& change : changes) NoteChange(events, change);
}

v1::GetGraphResponse Collector::Graph(const std::string& ns) const {
  const EndpointLists lists = lists_();
  const std::scoped_lock lock(mutex_);
  return GraphAnswer(graph_, detector_, aggregate_, lists, ns, clock_());
}

v1::ListIssuesResponse Collector::Issues(const std::string& ns) const {
  const std::scoped_lock lock(mutex_);
  return IssuesAnswer(graph_, detector_, ns, {clock_(), UnixMs(ReadWallClock())});
}

Collector::Counts Collector::counts() const {
  const std::scoped_lock lock(mutex_);
  const issues::Tracker& tracker = detector_.tracker();
  return {graph_.edges().size(), tracker.All().size(), graph_.overflows() + tracker.overflows(),
          tracker.opened()};
}

std::size_t Collector::agents() const {
  const std::scoped_lock lock(mutex_);
  return streams_.size();
}

}  // namespace weft::telemetry
