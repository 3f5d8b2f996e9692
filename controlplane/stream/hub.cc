#include "controlplane/stream/hub.h"

#include <algorithm>
#include <utility>

#include "common/wire/wire.h"

namespace weft::stream {
namespace {

constexpr std::size_t kReleasesTimed = 64;
constexpr auto kStallCheck = std::chrono::seconds(1);

// Keeps the shard's count of watched streams over what is done with one of them.
class Watching {
 public:
  Watching(Shard& shard, const Stream& stream) : shard_(shard), stream_(stream), before_(stream.Watched()) {}
  ~Watching() {
    shard_.watched += stream_.Watched() ? 1 : 0;
    shard_.watched -= before_ ? 1 : 0;
  }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  Shard& shard_;
  const Stream& stream_;
  const bool before_;
};

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
    if (const auto swept = sweep_.due()) next = std::min(next, *swept);
    if (next > now) changed_.wait_for(lock, next - now);
    if (stopping_) return;
    lock.unlock();
    Tick();
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
  fan_out_.Post(Swept(), false);
  if (now < looked_at_.load() + kStallCheck) return;
  looked_at_ = now;
  EndStalled(now);
  EndExpired(UnixMs(ReadWallClock()));
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

Result<std::uint64_t> Hub::Open(const v1::Hello& hello, const std::string& peer,
                                std::shared_ptr<Outlet> outlet) {
  const std::int64_t unix_ms = UnixMs(ReadWallClock());
  if (stopping_) return Error{ErrorKind::kUnavailable, "the control plane is stopping", {}, {}};
  Result<Session> session = Session::Open(hello, keys_, peer, clock_(), unix_ms);
  if (!session) return session.error();
  std::shared_ptr<Outlet> replaced;
  const std::size_t number = HashBytes(hello.node_id()) % kShards;
  const std::uint64_t ticket = ++last_ticket_ * kShards + number;
  {
    Shard& shard = shards_[number];
    const std::scoped_lock lock(shard.mutex);
    if (Status admitted = shard.reopens.Admit(hello.node_id(), clock_()); !admitted) return admitted.error();
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
  const Watching watching(shard, *found);
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
    case v1::AgentMessage::kFindAddress: session.FindAddress(message.find_address()); return {};
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
  metrics.CountConvergence(std::chrono::duration<double>(now - found->second).count());
}

std::optional<Outgoing> Hub::Next(std::uint64_t ticket) {
  Shard& shard = ShardOf(ticket);
  const std::scoped_lock lock(shard.mutex);
  Stream* const found = shard.Find(ticket);
  if (found == nullptr) return std::nullopt;
  const Watching watching(shard, *found);
  found->session.SetSpread(agents_.load() * kSpreadPerAgent);
  std::optional<Outgoing> message;
  {
    const std::shared_lock world(world_mutex_);
    message = found->session.Next(lanes_.world(), clock_());
  }
  shard.Index(ticket, found->session.TakeMoves());
  if (message) shard.metrics.CountPush(message->size());
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

void Hub::SetCertificate(std::uint64_t ticket, const auth::Shown& shown) {
  Shard& shard = ShardOf(ticket);
  const std::scoped_lock lock(shard.mutex);
  Stream* const found = shard.Find(ticket);
  if (found == nullptr) return;
  found->session.SetCertificate(shown);
  shard.NoteExpiry(found->session);
}

}  // namespace weft::stream
