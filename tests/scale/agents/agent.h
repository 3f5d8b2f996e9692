#pragma once
// One simulated agent: hello, resume by what it holds, one acknowledgement per delta, the delays between
// attempts and the keep-alive of the real one (agent/dial, agent/config). It takes what it is sent after
// checking the bundle's hash, and keeps versions and hashes only. Thread rule: one thread.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/dial/backoff.h"
#include "tests/scale/agents/connection.h"
#include "weft/v1/mesh.pb.h"

namespace weft::scale {

// What all agents count together.
struct Counts {
  std::uint64_t attempts = 0, opened = 0;  // connections begun, and calls begun on them
  std::uint64_t deltas = 0, bytes = 0;     // messages
  std::uint64_t fulls = 0, bundles = 0, unchanged = 0, endpoints = 0, unknown = 0, removed = 0;
  std::uint64_t wrong = 0;                    // bundles whose hash does not fit, or services not asked for
  std::uint64_t going_back = 0;               // deltas with a revision below the one held
  std::map<std::string, std::uint64_t> ends;  // streams ended, by reason
};

class Agent;

// What an agent asks of who holds all of them.
class Host {
 public:
  enum class Timer : std::uint8_t { kConnect, kConnectLimit, kPing, kPingLimit };
  virtual ~Host() = default;
  virtual void After(Duration span, Agent& agent, Timer timer) = 0;
  virtual TimePoint Now() const = 0;
  // An acknowledgement is on its way: of a delta with so many bundles and lists of endpoints.
  virtual void OnAck(const Agent& agent, const v1::Delta& delta) = 0;
  virtual void OnSynced(
      int change) = 0;  // +1: an agent took its first delta of a stream; -1: it lost that stream
};

class Agent : public Listener {
 public:
  struct Options {
    std::uint32_t number = 0;
    std::string node, ns, service;
    std::vector<std::uint32_t> services;  // subscriptions: "s<number>", sorted
  };
  Agent(Host& host, Counts& counts, const Target& target, int epoll, Options options);
  ~Agent() override;

  void OnTimer(Host::Timer timer, std::uint32_t attempt);
  void OnReady(std::uint32_t attempt);
  void Pause(bool paused);  // takes no more, as one that hangs
  void Drop();              // ends its connection without a word, comes back at once
  std::uint32_t number() const { return options_.number; }
  std::uint32_t attempt() const { return attempt_; }
  const v1::Version& version() const { return version_; }
  bool synced() const { return synced_; }

 private:
  struct Held {
    std::string hash, endpoints_hash;
    std::uint64_t endpoints_version = 0;
    bool has_endpoints = false;
  };

  void OnOpen() override;
  void OnMessage(std::string_view message) override;
  void OnPong() override { pinged_ = false; }
  void OnEnd(const std::string& why, std::int64_t pushback_ms) override;
  void Connect();
  void Apply(const v1::Delta& delta);
  void TakeBundle(const v1::BundleUpdate& update, v1::Ack& ack);
  Held* Find(const std::string& service);
  void Lose();

  Host& host_;
  Counts& counts_;
  const Target& target_;
  const int epoll_;
  const Options options_;
  dial::Backoff backoff_;
  Rng rng_;
  std::unique_ptr<Connection> connection_;  // null: waits for the next attempt
  std::unique_ptr<Connection> ended_;       // kept until the next attempt: its own callback ended it
  std::uint32_t attempt_ = 0;
  bool open_ = false, synced_ = false, pinged_ = false, paused_ = false;
  TimePoint opened_at_, heard_at_;
  std::vector<Held> held_;  // in the order of options_.services
  std::string store_id_;
  std::uint64_t epoch_ = 0;  // of endpoints
  Duration spread_ = Duration::zero();
  v1::Version version_;
};

}  // namespace weft::scale
