#pragma once
// One agent's stream as a state machine: what it subscribed to, what it was told and holds, what it must be
// told next. There is no queue: Next() compares the agent with the world when its stream can take a message,
// so what a slow agent missed arrives as one difference. What changed since the last comparison is looked at
// alone where that suffices. Up to kMaxUnacked deltas travel at once; an agent that acknowledges none of them
// for kAckPatience is stalled and loses its stream (a resync, of this agent alone). Pure: time comes in. Not
// thread safe: its shard's lock guards it.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/time/time.h"
#include "controlplane/auth/auth.h"
#include "controlplane/stream/keys.h"
#include "controlplane/stream/release.h"
#include "weft/v1/config.pb.h"
#include "weft/v1/mesh.pb.h"

namespace weft::stream {

inline constexpr std::size_t kMaxUnacked = 16;
inline constexpr std::size_t kMaxSubscriptions = 10'000;
inline constexpr std::size_t kDeltaBytes = 2U
                                           << 20;  // about; below gRPC's default limit of 4 MiB per message
inline constexpr std::size_t kMostAsked = 1024;    // addresses; further ones get no answer
inline constexpr Duration kAckPatience = std::chrono::seconds(30);

class Session {
 public:
  // Checks the hello; the error names its field. The pool outlives the session.
  static Result<Session> Open(const v1::Hello& hello, KeyPool& keys, std::string peer, TimePoint now,
                              std::int64_t unix_ms);

  Status Subscribe(const v1::Subscribe& message);  // too many subscriptions are an error
  void Unsubscribe(const v1::Unsubscribe& message);
  void FindAddress(const v1::FindAddress& message);
  struct Acked {
    std::size_t rejects = 0;                     // newly refused bundles, or one for a delta refused whole
    std::optional<snapshot::Version> effective;  // a target that concerned the agent, reached with this ack
  };
  Acked OnAck(const v1::Ack& ack, TimePoint now);
  void Drain(std::int64_t deadline_ms);  // zero: the agent's own setting
  void AcceptResync() { accept_ = true; }

  // The next message, or nothing: the agent is up to date or must acknowledge first.
  std::optional<Outgoing> Next(const World& world, TimePoint now);
  void SetSpread(Duration spread) { spread_ = spread; }  // goes with each delta; zero: it is not said

  // Services that became of use to it (true) or ceased to be, since the last call.
  using Moves = std::vector<std::pair<ServiceKey, bool>>;
  Moves TakeMoves() { return std::exchange(moves_, {}); }
  std::vector<ServiceKey> Used() const;

  void SetCertificate(const auth::Shown& shown);
  auth::Shown certificate() const;
  std::int64_t expires_unix_ms() const {  // INT64_MAX: never
    const std::int64_t until = info_.certificate_until_unix_ms();
    return until > 0 ? until : INT64_MAX;
  }
  bool Expired(std::int64_t unix_ms) const { return unix_ms >= expires_unix_ms(); }
  // Less than a fifth of the certificate's life, and less than a week, is left: it should have been renewed.
  bool Ending(std::int64_t unix_ms) const;

  bool AwaitsAck() const { return !unacked_.empty(); }
  bool Stalled(TimePoint now) const { return !unacked_.empty() && now - last_progress_ >= kAckPatience; }
  const v1::Agent& info() const { return info_; }
  const std::string& node_id() const { return info_.node_id(); }
  bool awaiting_confirmation() const { return info_.awaiting_confirmation(); }
  TimePoint opened() const { return opened_; }
  bool Uses(const ServiceKey& service) const { return told_.contains(service); }
  bool Holds(const snapshot::Version& version) const;             // without any refusal
  std::string RefusalOf(const snapshot::Version& version) const;  // empty: it refuses nothing of it
  bool behind() const;  // it does not hold all that it was sent, or waits for confirmation
  v1::Agent Describe() const;
  v1::AgentConfig DescribeConfig() const;

 private:
  using Hash = std::shared_ptr<const std::string>;  // shared with the release where it can be; null: none
  struct Resumed {                                  // endpoints that it said to hold
    std::string store_id, hash;
    std::uint64_t epoch = 0, version = 0;
  };
  struct Told {                           // of one service
    Hash hash;                            // of the bundle it was sent or said to hold
    Hash effective;                       // acknowledged, or said to hold
    std::uint64_t endpoints_version = 0;  // in the store and epoch of endpoints_of_
    bool subscribed = false;              // else: somebody's route refers to it
    bool has_endpoints = false;
    bool unknown = false;                  // it was told that there is none
    std::unique_ptr<Resumed> resumed;      // not yet compared with what there is
    std::unique_ptr<v1::BundleNack> nack;  // it refused `hash`
  };
  struct Draft;  // a delta in the making
  struct View {  // the world as this agent is to see it
    const Release& release;
    const EndpointLists& endpoints;
  };

  Session(const v1::Hello& hello, KeyPool& keys, std::string peer, TimePoint now, std::int64_t unix_ms);
  Told& Tell(const ServiceKey& key);
  using Services = std::map<SharedKey, Told, ByKey>;
  Services::iterator Forget(Services::iterator told);
  std::optional<std::vector<ServiceKey>> ChangedSince(const World& world) const;  // none: compare everything
  void CountEndpointsBy(const snapshot::Version& version);
  bool HoldsEndpoints(const Told& told, const EndpointList& list, const snapshot::Version& store) const;
  bool AwaitsConfirmation(const View& view);
  bool Blocked(const View& view);
  void AddWanted(Draft& draft, const View& view);
  void AddService(Draft& draft, const View& view, const ServiceKey& key);
  void AddBundle(Draft& draft, const ServiceKey& key, const BlobPtr& blob);
  void AddEndpoints(Draft& draft, const View& view, const ServiceKey& key);
  void AddUnknown(Draft& draft, const View& view);
  void AddRemoved(Draft& draft);
  std::optional<Outgoing> NextCommand();
  std::optional<Outgoing> NextFound(const World& world);
  std::optional<Outgoing> Finish(Draft& draft, const View& view, TimePoint now);

  v1::Agent info_;
  KeyPool* keys_;
  Services told_;
  std::size_t subscriptions_ = 0;          // of told_
  snapshot::Version endpoints_of_;         // whose store and epoch count endpoints_version
  std::map<std::uint64_t, bool> unacked_;  // sequence of a delta: whether it concerned the agent's services
  Moves moves_;
  std::uint64_t seen_ = 0;  // generation of the world it was compared with
  bool whole_ = true;       // the next comparison is of everything
  Duration spread_ = Duration::zero();
  TimePoint opened_, last_progress_;
  std::uint64_t sequence_ = 0;
  bool greeted_ = false;  // the first, full delta went out
  bool accept_ = false;
  std::optional<std::int64_t> drain_;
  std::deque<std::string> asked_;             // addresses
  std::string refused_;                       // why the last delta was refused whole
  std::optional<snapshot::Version> blocked_;  // that delta's target: not offered again
};

}  // namespace weft::stream
