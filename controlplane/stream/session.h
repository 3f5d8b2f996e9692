#pragma once
// One agent's stream as a state machine: what it subscribed to, what it was told and holds, what it must be
// told next. There is no queue: Next() compares the agent with the world when its stream can take a message,
// so what a slow agent missed arrives as one difference. Up to kMaxUnacked deltas travel at once; an agent
// that acknowledges none of them for kAckPatience is stalled and loses its stream (a resync, of this agent
// alone). Pure: time comes in. Not thread safe: the hub's lock guards it.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/time/time.h"
#include "controlplane/stream/release.h"
#include "weft/v1/config.pb.h"
#include "weft/v1/mesh.pb.h"

namespace weft::stream {

inline constexpr std::size_t kMaxUnacked = 16;
inline constexpr std::size_t kMaxSubscriptions = 10'000;
inline constexpr std::size_t kDeltaBytes = 2U
                                           << 20;  // about; below gRPC's default limit of 4 MiB per message
inline constexpr Duration kAckPatience = std::chrono::seconds(30);

class Session {
 public:
  // Checks the hello; the error names its field.
  static Result<Session> Open(const v1::Hello& hello, std::string peer, TimePoint now, std::int64_t unix_ms);

  Status Subscribe(const v1::Subscribe& message);  // too many subscriptions are an error
  void Unsubscribe(const v1::Unsubscribe& message);
  struct Acked {
    std::size_t rejects = 0;                     // newly refused bundles, or one for a delta refused whole
    std::optional<snapshot::Version> effective;  // a target reached with this ack
  };
  Acked OnAck(const v1::Ack& ack, TimePoint now);
  void Drain(std::int64_t deadline_ms);  // zero: the agent's own setting
  void AcceptResync() { accept_ = true; }

  // The next message, or nothing: the agent is up to date or must acknowledge first.
  std::optional<v1::ControlMessage> Next(const World& world, TimePoint now);

  void SetCertificate(std::int64_t from_unix_ms, std::int64_t until_unix_ms) {
    info_.set_certificate_from_unix_ms(from_unix_ms);
    info_.set_certificate_until_unix_ms(until_unix_ms);
  }
  bool Expired(std::int64_t unix_ms) const {
    return info_.certificate_until_unix_ms() > 0 && unix_ms >= info_.certificate_until_unix_ms();
  }
  // Less than a fifth of the certificate's life, and less than a week, is left: it should have been renewed.
  bool Ending(std::int64_t unix_ms) const;

  bool Stalled(TimePoint now) const { return !unacked_.empty() && now - last_progress_ >= kAckPatience; }
  const v1::Agent& info() const { return info_; }
  const std::string& node_id() const { return info_.node_id(); }
  bool awaiting_confirmation() const { return info_.awaiting_confirmation(); }
  bool Uses(const ServiceKey& service) const {
    return told_.contains(service) || subscribed_.contains(service);
  }
  bool Holds(const snapshot::Version& version) const;             // without any refusal
  std::string RefusalOf(const snapshot::Version& version) const;  // empty: it refuses nothing of it
  bool behind() const;  // it does not hold all that it was sent, or waits for confirmation
  v1::Agent Describe() const;
  v1::AgentConfig DescribeConfig() const;

 private:
  struct Told {            // of one service
    std::string hash;      // of the bundle it was sent or said to hold; empty: none
    std::string store_id;  // of the endpoints
    std::uint64_t epoch = 0, endpoints_version = 0;
    bool has_endpoints = false;
    bool unknown = false;                // it was told that there is none
    std::string effective_hash;          // acknowledged, or said to hold
    std::optional<v1::BundleNack> nack;  // it refused `hash`
  };
  struct Draft;  // a delta in the making
  struct View {  // the world as this agent is to see it
    const Release& release;
    const EndpointLists& endpoints;
  };

  explicit Session(const v1::Hello& hello, std::string peer, TimePoint now, std::int64_t unix_ms);
  bool AwaitsConfirmation(const View& view);
  bool Blocked(const View& view);
  void AddWanted(Draft& draft, const View& view);
  void AddService(Draft& draft, const View& view, const ServiceKey& key);
  void AddBundle(Draft& draft, const ServiceKey& key, const Blob& blob);
  void AddEndpoints(Draft& draft, const View& view, const ServiceKey& key);
  void AddUnknown(Draft& draft, const View& view);
  void AddRemoved(Draft& draft);
  std::optional<v1::ControlMessage> NextCommand();
  std::optional<v1::ControlMessage> Finish(Draft& draft, const View& view, TimePoint now);

  v1::Agent info_;
  std::set<ServiceKey> subscribed_;
  std::map<ServiceKey, Told> told_;
  std::set<std::uint64_t> unacked_;  // sequences of deltas
  TimePoint last_progress_;
  std::uint64_t sequence_ = 0;
  bool greeted_ = false;  // the first, full delta went out
  bool accept_ = false;
  std::optional<std::int64_t> drain_;
  std::string refused_;                       // why the last delta was refused whole
  std::optional<snapshot::Version> blocked_;  // that delta's target: not offered again
};

}  // namespace weft::stream
