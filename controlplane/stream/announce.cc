// Telling agents of what changed, and ending streams that may not go on.
#include <algorithm>

#include "controlplane/stream/hub.h"

namespace weft::stream {
namespace {

constexpr auto kCloseGrace = std::chrono::seconds(5);  // for a stalled agent to hear why it is ended

}  // namespace

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
  if (change.moved) sweep_.Begin([this] { return Everybody(); });
}

Sweep::Tickets Hub::Everybody() const {
  Sweep::Tickets tickets;
  for (const Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (const auto& [ticket, stream] : shard.streams) tickets.push_back(ticket);
  }
  return tickets;
}

Outlets Hub::Swept() {
  Outlets outlets;
  for (const std::uint64_t ticket : sweep_.Take(agents_, clock_(), [this] { return Everybody(); })) {
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
    shard.AddUsersOf(services, outlets);
  }
  return outlets;
}

void Hub::KickAll() { fan_out_.Post(All(), false); }

Outlets Hub::All() const {
  Outlets all;
  ForEach([&](const Stream& stream) { all.push_back(stream.outlet); });
  return all;
}

// One that does not read cannot read why it is ended either: the second time it is cut off.
void Hub::EndStalled(TimePoint now) {
  Outlets close, abort;
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    if (shard.watched == 0) continue;
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

void Hub::EndExpired(std::int64_t unix_ms) {
  Outlets expired;
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    if (unix_ms < shard.first_expiry_ms) continue;
    shard.first_expiry_ms = INT64_MAX;
    for (const auto& [ticket, stream] : shard.streams) {
      shard.NoteExpiry(stream.session);
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

void Hub::EndRefused(const auth::CheckShown& check) {
  std::vector<std::pair<std::shared_ptr<Outlet>, Error>> refused;
  ForEach([&](const Stream& stream) {
    const auth::Shown shown = stream.session.certificate();
    if (shown.serial.empty()) return;
    if (auto ok = check(shown); !ok) refused.emplace_back(stream.outlet, ok.error());
  });
  for (const auto& [outlet, error] : refused) outlet->Close(error);
}

}  // namespace weft::stream
