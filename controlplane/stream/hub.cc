#include "controlplane/stream/hub.h"

#include <algorithm>

#include "common/wire/wire.h"

namespace weft::stream {
namespace {

constexpr std::size_t kReleasesTimed = 64;
constexpr auto kStallCheck = std::chrono::seconds(1);
constexpr std::size_t kRefusalsTold = 10;

Error NotConnected(const std::string& node_id) {
  return {ErrorKind::kNotFound,
          "no agent '" + node_id + "' is connected; `weftctl agents` lists those that are",
          {},
          {}};
}

}  // namespace

Hub::Hub(std::function<TimePoint()> clock, events::Book* events)
    : clock_(std::move(clock)), events_(events), newest_(std::make_shared<const Release>()) {}

Hub::~Hub() { Stop({ErrorKind::kUnavailable, "the control plane is stopping", {}, {}}); }

void Hub::Start() {
  {
    const std::scoped_lock lock(mutex_);
    lanes_.FlushAll(clock_());
  }
  ticker_ = std::thread([this] { RunTicker(); });
}

void Hub::RunTicker() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const TimePoint now = clock_();
    const TimePoint due = std::min(lanes_.due().value_or(TimePoint::max()), now + kStallCheck);
    if (due > now) changed_.wait_for(lock, due - now);
    if (stopping_) return;
    lock.unlock();
    Tick();
    EndExpired(UnixMs(ReadWallClock()));
    lock.lock();
  }
}

void Hub::Tick() {
  const TimePoint now = clock_();
  Outlets kick, stalled;
  {
    const std::scoped_lock lock(mutex_);
    if (lanes_.Flush(now)) kick = All();
    for (const auto& [ticket, stream] : streams_) {
      if (stream.session.Stalled(now)) stalled.push_back(stream.outlet);
    }
  }
  for (const auto& outlet : stalled) {
    outlet->Close(
        {ErrorKind::kOverloaded, "no acknowledgement within 30 s; connect again to resynchronise", {}, {}});
  }
  for (const auto& outlet : kick) outlet->Kick();
}

void Hub::Stop(const Error& error) {
  Outlets all;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    all = All();
  }
  changed_.notify_all();
  if (ticker_.joinable()) ticker_.join();
  for (const auto& outlet : all) outlet->Close(error);
}

void Hub::SetRelease(Served served) {
  Outlets kick;
  {
    const std::scoped_lock lock(mutex_);
    const TimePoint now = clock_();
    newest_ = served.release;
    NoteRelease(served.release, now);
    NoteRelease(served.candidate, now);
    if (lanes_.OfferRelease(std::move(served), now)) kick = All();
  }
  changed_.notify_all();
  for (const auto& outlet : kick) outlet->Kick();
}

void Hub::SetEndpoints(snapshot::EndpointsPtr endpoints) {
  Outlets kick;
  {
    const std::scoped_lock lock(mutex_);
    if (lanes_.OfferEndpoints(std::move(endpoints), clock_())) kick = All();
  }
  changed_.notify_all();
  for (const auto& outlet : kick) outlet->Kick();
}

void Hub::NoteRelease(const ReleasePtr& release, TimePoint now) {
  if (release == nullptr) return;
  const auto same = [&](const auto& entry) { return entry.first == release->version; };
  if (std::any_of(released_at_.begin(), released_at_.end(), same)) return;
  released_at_.emplace_back(release->version, now);
  if (released_at_.size() > kReleasesTimed) released_at_.pop_front();
}

ReleasePtr Hub::release() const {
  const std::scoped_lock lock(mutex_);
  return newest_;
}

Result<std::uint64_t> Hub::Open(const v1::Hello& hello, const std::string& peer,
                                std::shared_ptr<Outlet> outlet) {
  const std::int64_t unix_ms = UnixMs(ReadWallClock());
  std::shared_ptr<Outlet> replaced;
  std::uint64_t ticket = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return Error{ErrorKind::kUnavailable, "the control plane is stopping", {}, {}};
    Result<Session> session = Session::Open(hello, peer, clock_(), unix_ms);
    if (!session) return session.error();
    ticket = ++last_ticket_;
    std::uint64_t& current = by_node_[hello.node_id()];
    if (const auto older = streams_.find(current); older != streams_.end()) {
      replaced = std::move(older->second.outlet);
      streams_.erase(older);
    }
    current = ticket;
    Note(false, "AgentConnected", session->info(), "version " + hello.program_version() + ", from " + peer);
    streams_.emplace(ticket, Stream{std::move(*session), std::move(outlet)});
  }
  if (replaced != nullptr) {
    replaced->Close({ErrorKind::kConflict,
                     "a newer stream of the node '" + hello.node_id() +
                         "' replaced this one; give each agent its own node.id",
                     {},
                     {}});
  }
  return ticket;
}

Status Hub::OnMessage(std::uint64_t ticket, const v1::AgentMessage& message) {
  const std::scoped_lock lock(mutex_);
  const auto found = streams_.find(ticket);
  if (found == streams_.end()) return {};
  Session& session = found->second.session;
  switch (message.message_case()) {
    case v1::AgentMessage::kSubscribe: return session.Subscribe(message.subscribe());
    case v1::AgentMessage::kUnsubscribe: session.Unsubscribe(message.unsubscribe()); return {};
    case v1::AgentMessage::kAck: {
      const TimePoint now = clock_();
      const Session::Acked acked = session.OnAck(message.ack(), now);
      metrics_.rejects += acked.rejects;
      NoteRejects(message.ack(), session.info());
      if (acked.effective) Observe(*acked.effective, now);
      return {};
    }
    case v1::AgentMessage::kHello: return Invalid("a stream has one hello", "hello");
    case v1::AgentMessage::kCertificateRequest: return {};  // The stream's own (issuing.h).
    case v1::AgentMessage::MESSAGE_NOT_SET: return {};  // Of a newer agent: what we do not know we ignore.
  }
  return {};
}

void Hub::Note(bool warning, std::string_view reason, const v1::Agent& agent, std::string message) const {
  events::Note(events_, warning, reason, {"Agent", agent.namespace_(), agent.node_id()}, std::move(message));
}

void Hub::NoteRejects(const v1::Ack& ack, const v1::Agent& agent) const {
  for (const v1::BundleNack& nack : ack.rejected()) {
    Note(true, "BundleRejected", agent,
         wire::UncheckedKey(nack.service()).ToString() + ": " +
             (nack.field().empty() ? "" : nack.field() + ": ") + nack.detail() +
             "; it goes on with what it had");
  }
  if (!ack.refused().empty()) Note(true, "ConfigurationRefused", agent, ack.refused());
}

void Hub::Observe(const snapshot::Version& effective, TimePoint now) {
  const auto found = std::find_if(released_at_.begin(), released_at_.end(),
                                  [&](const auto& entry) { return entry.first == effective; });
  if (found == released_at_.end()) return;
  const double seconds = std::chrono::duration<double>(now - found->second).count();
  const auto bucket = std::lower_bound(kConvergenceBounds.begin(), kConvergenceBounds.end(), seconds) -
                      kConvergenceBounds.begin();
  ++metrics_.convergence[static_cast<std::size_t>(bucket)];
  metrics_.convergence_sum += seconds;
}

std::optional<v1::ControlMessage> Hub::Next(std::uint64_t ticket) {
  const std::scoped_lock lock(mutex_);
  const auto found = streams_.find(ticket);
  if (found == streams_.end()) return std::nullopt;
  std::optional<v1::ControlMessage> message = found->second.session.Next(lanes_.world(), clock_());
  if (message) {
    ++metrics_.pushes;
    const std::size_t size = message->ByteSizeLong();
    metrics_.push_bytes += size;
    const auto bucket = std::lower_bound(kPushBounds.begin(), kPushBounds.end(), size) - kPushBounds.begin();
    ++metrics_.push_sizes[static_cast<std::size_t>(bucket)];
  }
  return message;
}

void Hub::Close(std::uint64_t ticket) {
  const std::scoped_lock lock(mutex_);
  const auto found = streams_.find(ticket);
  if (found == streams_.end()) return;
  by_node_.erase(found->second.session.node_id());
  if (!stopping_) Note(false, "AgentDisconnected", found->second.session.info(), "its stream ended");
  streams_.erase(found);
}

void Hub::SetCertificate(std::uint64_t ticket, std::int64_t from_unix_ms, std::int64_t until_unix_ms) {
  const std::scoped_lock lock(mutex_);
  const auto found = streams_.find(ticket);
  if (found != streams_.end()) found->second.session.SetCertificate(from_unix_ms, until_unix_ms);
}

void Hub::EndExpired(std::int64_t unix_ms) {
  Outlets expired;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [ticket, stream] : streams_) {
      if (stream.session.Expired(unix_ms)) expired.push_back(stream.outlet);
    }
  }
  for (const auto& outlet : expired) {
    outlet->Close({ErrorKind::kUnauthenticated,
                   "the certificate of this agent has ended and was not renewed; see its log",
                   {},
                   {}});
  }
}

void Hub::KickAll() {
  Outlets kick;
  {
    const std::scoped_lock lock(mutex_);
    kick = All();
  }
  for (const auto& outlet : kick) outlet->Kick();
}

Hub::Outlets Hub::All() const {
  Outlets all;
  all.reserve(streams_.size());
  for (const auto& [ticket, stream] : streams_) all.push_back(stream.outlet);
  return all;
}

std::uint64_t Hub::TicketOf(const std::string& node_id) const {
  const auto found = by_node_.find(node_id);
  return found == by_node_.end() ? 0 : found->second;
}

std::vector<v1::Agent> Hub::Agents(const std::string& ns) const {
  std::vector<v1::Agent> agents;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [ticket, stream] : streams_) {
      v1::Agent agent = stream.session.Describe();
      if (ns.empty() || agent.namespace_() == ns) agents.push_back(std::move(agent));
    }
  }
  std::sort(agents.begin(), agents.end(),
            [](const v1::Agent& a, const v1::Agent& b) { return a.node_id() < b.node_id(); });
  return agents;
}

std::vector<v1::Agent> Hub::Behind() const {
  std::vector<v1::Agent> agents;
  const std::scoped_lock lock(mutex_);
  for (const auto& [ticket, stream] : streams_) {
    if (stream.session.behind()) agents.push_back(stream.session.Describe());
  }
  return agents;
}

std::vector<v1::Agent> Hub::Ending(std::int64_t unix_ms) const {
  std::vector<v1::Agent> agents;
  const std::scoped_lock lock(mutex_);
  for (const auto& [ticket, stream] : streams_) {
    if (stream.session.Ending(unix_ms)) agents.push_back(stream.session.Describe());
  }
  return agents;
}

CohortLook Hub::LookAt(const rollout::Cohort& cohort, const snapshot::Version& candidate) const {
  CohortLook look;
  const std::scoped_lock lock(mutex_);
  look.connected = static_cast<std::uint32_t>(streams_.size());
  for (const auto& [ticket, stream] : streams_) {
    const Session& session = stream.session;
    if (!cohort.Has(session.info())) continue;
    ++look.agents;
    if (session.Holds(candidate)) look.converged.insert(session.node_id());
    const std::string refusal = session.RefusalOf(candidate);
    if (!refusal.empty() && look.refusals.size() < kRefusalsTold)
      look.refusals.push_back(session.node_id() + ": " + refusal);
  }
  return look;
}

std::vector<std::string> Hub::Choose(std::size_t agents, const rollout::Cohort& besides,
                                     const std::set<ServiceKey>& services) const {
  std::vector<std::pair<std::uint64_t, std::string>> ranked;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [ticket, stream] : streams_) {
      const Session& session = stream.session;
      if (besides.Has(session.info())) continue;
      const bool uses = std::any_of(services.begin(), services.end(),
                                    [&](const ServiceKey& key) { return session.Uses(key); });
      ranked.emplace_back((HashBytes(besides.salt + session.node_id()) >> 1) | (uses ? 0 : 1ULL << 63),
                          session.node_id());
    }
  }
  const std::size_t chosen = std::min(agents, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(chosen), ranked.end());
  std::vector<std::string> nodes;
  for (std::size_t i = 0; i < chosen; ++i) nodes.push_back(std::move(ranked[i].second));
  return nodes;
}

Result<v1::AgentConfig> Hub::Config(const std::string& node_id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = streams_.find(TicketOf(node_id));
  if (found == streams_.end()) return NotConnected(node_id);
  return found->second.session.DescribeConfig();
}

Result<std::uint32_t> Hub::Accept(const std::string& node_id) {
  Outlets kick;
  {
    const std::scoped_lock lock(mutex_);
    if (!node_id.empty() && TicketOf(node_id) == 0) return NotConnected(node_id);
    for (auto& [ticket, stream] : streams_) {
      if (!stream.session.awaiting_confirmation() ||
          (!node_id.empty() && stream.session.node_id() != node_id))
        continue;
      stream.session.AcceptResync();
      kick.push_back(stream.outlet);
    }
  }
  for (const auto& outlet : kick) outlet->Kick();
  return static_cast<std::uint32_t>(kick.size());
}

Status Hub::Drain(const std::string& node_id, std::int64_t deadline_ms) {
  std::shared_ptr<Outlet> outlet;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = streams_.find(TicketOf(node_id));
    if (found == streams_.end()) return NotConnected(node_id);
    found->second.session.Drain(deadline_ms);
    outlet = found->second.outlet;
  }
  outlet->Kick();
  return {};
}

Metrics Hub::metrics() const {
  const std::scoped_lock lock(mutex_);
  Metrics metrics = metrics_;
  metrics.agents = streams_.size();
  return metrics;
}

}  // namespace weft::stream
