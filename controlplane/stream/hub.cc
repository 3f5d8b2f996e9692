#include "controlplane/stream/hub.h"

#include <algorithm>
#include <utility>

#include "common/wire/wire.h"

namespace weft::stream {
namespace {

constexpr std::size_t kReleasesTimed = 64;
constexpr auto kStallCheck = std::chrono::seconds(1);
constexpr auto kCloseGrace = std::chrono::seconds(5);  // for a stalled agent to hear why it is ended
constexpr std::size_t kRefusalsTold = 10;
constexpr std::size_t kMostReopens = 4096;  // kept per shard; more: old ones go

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
    const std::unique_lock lock(world_mutex_);
    lanes_.FlushAll(clock_());
  }
  fan_out_.Start();
  ticker_ = std::thread([this] { RunTicker(); });
}

std::optional<TimePoint> Hub::due() const {
  const std::shared_lock lock(world_mutex_);
  return lanes_.due();
}

void Hub::RunTicker() {
  std::unique_lock lock(tick_mutex_);
  while (!stopping_) {
    const TimePoint now = clock_();
    TimePoint next = std::min(due().value_or(TimePoint::max()), now + kStallCheck);
    {
      const std::scoped_lock sweep(sweep_mutex_);
      if (!sweep_.empty()) next = std::min(next, now + kSweep);
    }
    if (next > now) changed_.wait_for(lock, next - now);
    if (stopping_) return;
    lock.unlock();
    Tick();
    EndExpired(UnixMs(ReadWallClock()));
    lock.lock();
  }
}

void Hub::Tick() {
  const TimePoint now = clock_();
  std::optional<Change> change;
  {
    const std::unique_lock lock(world_mutex_);
    if (lanes_.Flush(now)) change = lanes_.world().changes.back();
  }
  if (change) Announce(*change, false);
  fan_out_.Post(TakeSwept(), false);
  {
    const std::scoped_lock lock(sweep_mutex_);
    if (now < looked_at_ + kStallCheck) return;
    looked_at_ = now;
  }
  EndStalled(now);
}

// One that does not read cannot read why it is ended either: the second time it is cut off.
void Hub::EndStalled(TimePoint now) {
  Outlets close, abort;
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (auto& [ticket, stream] : shard.streams) {
      if (stream.closing && now - stream.closed_at >= kCloseGrace) abort.push_back(stream.outlet);
      if (stream.closing || !stream.session.Stalled(now)) continue;
      stream.closing = true;
      stream.closed_at = now;
      close.push_back(stream.outlet);
    }
  }
  for (const auto& outlet : close) {
    outlet->Close(
        {ErrorKind::kOverloaded, "no acknowledgement within 30 s; connect again to resynchronise", {}, {}});
  }
  for (const auto& outlet : abort) outlet->Abort();
}

void Hub::Stop(const Error& error) {
  {
    const std::scoped_lock lock(tick_mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (ticker_.joinable()) ticker_.join();
  fan_out_.Stop();
  for (const auto& outlet : All()) outlet->Close(error);
}

void Hub::SetRelease(Served served) {
  std::optional<Change> change;
  {
    const std::unique_lock lock(world_mutex_);
    const TimePoint now = clock_();
    newest_ = served.release;
    NoteRelease(served.release, now);
    NoteRelease(served.candidate, now);
    if (lanes_.OfferRelease(std::move(served), now)) change = lanes_.world().changes.back();
  }
  if (change) Announce(*change, false);
  Poke();
}

void Hub::SetEndpoints(snapshot::EndpointsPtr endpoints) {
  std::optional<Change> change;
  {
    const std::unique_lock lock(world_mutex_);
    if (lanes_.OfferEndpoints(std::move(endpoints), clock_())) change = lanes_.world().changes.back();
  }
  if (change) Announce(*change, !change->moved);
  Poke();
}

void Hub::Poke() {
  { const std::scoped_lock lock(tick_mutex_); }  // the ticker waits, or has yet to look
  changed_.notify_all();
}

void Hub::Announce(const Change& change, bool urgent) {
  if (change.whole || agents_ <= kAllAtOnce) return fan_out_.Post(All(), urgent);
  fan_out_.Post(UsersOf(change.services), urgent);
  if (!change.moved) return;
  const std::scoped_lock lock(sweep_mutex_);
  sweep_again_ = !sweep_.empty();
  if (sweep_.empty()) FillSweep();
}

void Hub::FillSweep() {
  for (const Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (const auto& [ticket, stream] : shard.streams) sweep_.push_back(ticket);
  }
}

Outlets Hub::TakeSwept() {
  std::vector<std::uint64_t> tickets;
  {
    const std::scoped_lock lock(sweep_mutex_);
    if (sweep_.empty() || clock_() < swept_at_ + kSweep) return {};
    swept_at_ = clock_();
    const std::size_t count = std::min(sweep_.size(), std::max(kSweepAgents, agents_ / kSweepShare));
    tickets.assign(sweep_.end() - static_cast<std::ptrdiff_t>(count), sweep_.end());
    sweep_.resize(sweep_.size() - count);
    if (sweep_.empty() && std::exchange(sweep_again_, false)) FillSweep();
  }
  Outlets outlets;
  for (const std::uint64_t ticket : tickets) {
    Shard& shard = ShardOf(ticket);
    const std::scoped_lock lock(shard.mutex);
    if (const Stream* stream = shard.Find(ticket)) outlets.push_back(stream->outlet);
  }
  return outlets;
}

Outlets Hub::UsersOf(const std::vector<ServiceKey>& services) const {
  Outlets outlets;
  for (const Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    std::unordered_set<std::uint64_t> seen;
    for (const ServiceKey& service : services) {
      const auto users = shard.users.find(service);
      if (users == shard.users.end()) continue;
      for (const std::uint64_t ticket : users->second) {
        if (services.size() > 1 && !seen.insert(ticket).second) continue;
        outlets.push_back(shard.streams.at(ticket).outlet);
      }
    }
  }
  return outlets;
}

void Hub::NoteRelease(const ReleasePtr& release, TimePoint now) {
  if (release == nullptr) return;
  const auto same = [&](const auto& entry) { return entry.first == release->version; };
  if (std::any_of(released_at_.begin(), released_at_.end(), same)) return;
  released_at_.emplace_back(release->version, now);
  if (released_at_.size() > kReleasesTimed) released_at_.pop_front();
}

ReleasePtr Hub::release() const {
  const std::shared_lock lock(world_mutex_);
  return newest_;
}

Hub::Stream* Hub::Shard::Find(std::uint64_t ticket) {
  const auto found = streams.find(ticket);
  return found == streams.end() ? nullptr : &found->second;
}

void Hub::Shard::Index(std::uint64_t ticket, const Session::Moves& moves) {
  for (const auto& [service, uses] : moves) {
    std::vector<std::uint64_t>& tickets = users[service];
    if (uses) {
      tickets.push_back(ticket);
      continue;
    }
    const auto found = std::find(tickets.begin(), tickets.end(), ticket);
    if (found != tickets.end()) {
      *found = tickets.back();
      tickets.pop_back();
    }
    if (tickets.empty()) users.erase(service);
  }
}

void Hub::Shard::Erase(std::uint64_t ticket) {
  Stream* const stream = Find(ticket);
  Index(ticket, stream->session.TakeMoves());
  Session::Moves left;
  for (ServiceKey& service : stream->session.Used()) left.emplace_back(std::move(service), false);
  Index(ticket, left);
  streams.erase(ticket);
}

Status Hub::Shard::Admit(const std::string& node, TimePoint now) {
  if (reopens.size() > kMostReopens)
    std::erase_if(reopens, [&](const auto& entry) { return now - entry.second.since >= kReopenSpan; });
  Reopens& mine = reopens[node];
  if (mine.count == 0 || now - mine.since >= kReopenSpan) mine = {now, 0};
  if (++mine.count <= kMaxReopens) return {};
  return Error{ErrorKind::kOverloaded,
               "the node '" + node +
                   "' opened more than 20 streams within 10 s; see why it loses them, and whether "
                   "another agent has the same node.id",
               "hello.node_id",
               {}};
}

Result<std::uint64_t> Hub::Open(const v1::Hello& hello, const std::string& peer,
                                std::shared_ptr<Outlet> outlet) {
  const std::int64_t unix_ms = UnixMs(ReadWallClock());
  if (stopping_) return Error{ErrorKind::kUnavailable, "the control plane is stopping", {}, {}};
  Result<Session> session = Session::Open(hello, peer, clock_(), unix_ms);
  if (!session) return session.error();
  std::shared_ptr<Outlet> replaced;
  const std::size_t number = HashBytes(hello.node_id()) % kShards;
  const std::uint64_t ticket = ++last_ticket_ * kShards + number;
  {
    Shard& shard = shards_[number];
    const std::scoped_lock lock(shard.mutex);
    if (Status admitted = shard.Admit(hello.node_id(), clock_()); !admitted) return admitted.error();
    std::uint64_t& current = shard.by_node[hello.node_id()];
    if (Stream* const older = shard.Find(current)) {
      replaced = std::move(older->outlet);
      shard.Erase(current);
      --agents_;
    }
    current = ticket;
    ++agents_;
    Note(false, "AgentConnected", session->info(), "version " + hello.program_version() + ", from " + peer);
    shard.Index(ticket, session->TakeMoves());
    shard.streams.emplace(ticket, Stream{std::move(*session), std::move(outlet), false, {}});
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
  Shard& shard = ShardOf(ticket);
  const std::scoped_lock lock(shard.mutex);
  Stream* const found = shard.Find(ticket);
  if (found == nullptr) return {};
  Session& session = found->session;
  switch (message.message_case()) {
    case v1::AgentMessage::kSubscribe: {
      const Status taken = session.Subscribe(message.subscribe());
      shard.Index(ticket, session.TakeMoves());
      return taken;
    }
    case v1::AgentMessage::kUnsubscribe: session.Unsubscribe(message.unsubscribe()); return {};
    case v1::AgentMessage::kAck: {
      const TimePoint now = clock_();
      const Session::Acked acked = session.OnAck(message.ack(), now);
      shard.metrics.rejects += acked.rejects;
      NoteRejects(message.ack(), session.info());
      if (acked.effective) Observe(*acked.effective, session.opened(), now, shard.metrics);
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

// An agent that came after the release is no measure of how fast that reached those who were there.
void Hub::Observe(const snapshot::Version& effective, TimePoint opened, TimePoint now,
                  Metrics& metrics) const {
  const std::shared_lock lock(world_mutex_);
  const auto found = std::find_if(released_at_.rbegin(), released_at_.rend(),
                                  [&](const auto& entry) { return entry.first == effective; });
  if (found == released_at_.rend() || found->second < opened) return;
  const double seconds = std::chrono::duration<double>(now - found->second).count();
  const auto bucket = std::lower_bound(kConvergenceBounds.begin(), kConvergenceBounds.end(), seconds) -
                      kConvergenceBounds.begin();
  ++metrics.convergence[static_cast<std::size_t>(bucket)];
  metrics.convergence_sum += seconds;
}

std::optional<Outgoing> Hub::Next(std::uint64_t ticket) {
  Shard& shard = ShardOf(ticket);
  const std::scoped_lock lock(shard.mutex);
  Stream* const found = shard.Find(ticket);
  if (found == nullptr) return std::nullopt;
  found->session.SetSpread(agents_.load() * kSpreadPerAgent);
  std::optional<Outgoing> message;
  {
    const std::shared_lock world(world_mutex_);
    message = found->session.Next(lanes_.world(), clock_());
  }
  shard.Index(ticket, found->session.TakeMoves());
  if (message) {
    const std::size_t size = message->size();
    ++shard.metrics.pushes;
    shard.metrics.push_bytes += size;
    const auto bucket = std::lower_bound(kPushBounds.begin(), kPushBounds.end(), size) - kPushBounds.begin();
    ++shard.metrics.push_sizes[static_cast<std::size_t>(bucket)];
  }
  return message;
}

void Hub::Close(std::uint64_t ticket) {
  Shard& shard = ShardOf(ticket);
  const std::scoped_lock lock(shard.mutex);
  const Stream* const found = shard.Find(ticket);
  if (found == nullptr) return;
  shard.by_node.erase(found->session.node_id());
  if (!stopping_) Note(false, "AgentDisconnected", found->session.info(), "its stream ended");
  shard.Erase(ticket);
  --agents_;
}

template <class Look>
void Hub::ForEach(const Look& look) const {
  for (const Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (const auto& [ticket, stream] : shard.streams) look(stream);
  }
}

void Hub::SetCertificate(std::uint64_t ticket, std::int64_t from_unix_ms, std::int64_t until_unix_ms) {
  Shard& shard = ShardOf(ticket);
  const std::scoped_lock lock(shard.mutex);
  if (Stream* const found = shard.Find(ticket)) found->session.SetCertificate(from_unix_ms, until_unix_ms);
}

void Hub::EndExpired(std::int64_t unix_ms) {
  Outlets expired;
  ForEach([&](const Stream& stream) {
    if (stream.session.Expired(unix_ms)) expired.push_back(stream.outlet);
  });
  for (const auto& outlet : expired) {
    outlet->Close({ErrorKind::kUnauthenticated,
                   "the certificate of this agent has ended and was not renewed; see its log",
                   {},
                   {}});
  }
}

void Hub::KickAll() { fan_out_.Post(All(), false); }

Outlets Hub::All() const {
  Outlets all;
  ForEach([&](const Stream& stream) { all.push_back(stream.outlet); });
  return all;
}

std::vector<v1::Agent> Hub::Agents(const std::string& ns) const {
  std::vector<v1::Agent> agents;
  ForEach([&](const Stream& stream) {
    v1::Agent agent = stream.session.Describe();
    if (ns.empty() || agent.namespace_() == ns) agents.push_back(std::move(agent));
  });
  std::sort(agents.begin(), agents.end(),
            [](const v1::Agent& a, const v1::Agent& b) { return a.node_id() < b.node_id(); });
  return agents;
}

std::vector<v1::Agent> Hub::Behind() const {
  std::vector<v1::Agent> agents;
  ForEach([&](const Stream& stream) {
    if (stream.session.behind()) agents.push_back(stream.session.Describe());
  });
  return agents;
}

std::vector<v1::Agent> Hub::Ending(std::int64_t unix_ms) const {
  std::vector<v1::Agent> agents;
  ForEach([&](const Stream& stream) {
    if (stream.session.Ending(unix_ms)) agents.push_back(stream.session.Describe());
  });
  return agents;
}

CohortLook Hub::LookAt(const rollout::Cohort& cohort, const snapshot::Version& candidate) const {
  CohortLook look;
  look.connected = static_cast<std::uint32_t>(agents_.load());
  ForEach([&](const Stream& stream) {
    const Session& session = stream.session;
    if (!cohort.Has(session.info())) return;
    ++look.agents;
    if (session.Holds(candidate)) look.converged.insert(session.node_id());
    const std::string refusal = session.RefusalOf(candidate);
    if (!refusal.empty() && look.refusals.size() < kRefusalsTold)
      look.refusals.push_back(session.node_id() + ": " + refusal);
  });
  return look;
}

std::vector<std::string> Hub::Choose(std::size_t agents, const rollout::Cohort& besides,
                                     const std::set<ServiceKey>& services) const {
  std::vector<std::pair<std::uint64_t, std::string>> ranked;
  ForEach([&](const Stream& stream) {
    const Session& session = stream.session;
    if (besides.Has(session.info())) return;
    const bool uses = std::any_of(services.begin(), services.end(),
                                  [&](const ServiceKey& key) { return session.Uses(key); });
    ranked.emplace_back((HashBytes(besides.salt + session.node_id()) >> 1) | (uses ? 0 : 1ULL << 63),
                        session.node_id());
  });
  const std::size_t chosen = std::min(agents, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(chosen), ranked.end());
  std::vector<std::string> nodes;
  for (std::size_t i = 0; i < chosen; ++i) nodes.push_back(std::move(ranked[i].second));
  return nodes;
}

Hub::Stream* Hub::Shard::FindNode(const std::string& node) {
  const auto ticket = by_node.find(node);
  return ticket == by_node.end() ? nullptr : Find(ticket->second);
}

Result<v1::AgentConfig> Hub::Config(const std::string& node_id) {
  Shard& shard = ShardOf(node_id);
  const std::scoped_lock lock(shard.mutex);
  const Stream* const found = shard.FindNode(node_id);
  if (found == nullptr) return NotConnected(node_id);
  return found->session.DescribeConfig();
}

Result<std::uint32_t> Hub::Accept(const std::string& node_id) {
  Outlets kick;
  bool known = node_id.empty();
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (auto& [ticket, stream] : shard.streams) {
      if (!node_id.empty() && stream.session.node_id() != node_id) continue;
      known = true;
      if (!stream.session.awaiting_confirmation()) continue;
      stream.session.AcceptResync();
      kick.push_back(stream.outlet);
    }
  }
  if (!known) return NotConnected(node_id);
  for (const auto& outlet : kick) outlet->Kick();
  return static_cast<std::uint32_t>(kick.size());
}

Status Hub::Drain(const std::string& node_id, std::int64_t deadline_ms) {
  std::shared_ptr<Outlet> outlet;
  {
    Shard& shard = ShardOf(node_id);
    const std::scoped_lock lock(shard.mutex);
    Stream* const found = shard.FindNode(node_id);
    if (found == nullptr) return NotConnected(node_id);
    found->session.Drain(deadline_ms);
    outlet = found->outlet;
  }
  outlet->Kick();
  return {};
}

Metrics Hub::metrics() const {
  Metrics sum;
  sum.agents = agents_;
  for (const Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    const Metrics& some = shard.metrics;
    sum.pushes += some.pushes;
    sum.push_bytes += some.push_bytes;
    sum.rejects += some.rejects;
    sum.convergence_sum += some.convergence_sum;
    for (std::size_t i = 0; i < sum.push_sizes.size(); ++i) sum.push_sizes[i] += some.push_sizes[i];
    for (std::size_t i = 0; i < sum.convergence.size(); ++i) sum.convergence[i] += some.convergence[i];
  }
  return sum;
}

}  // namespace weft::stream
