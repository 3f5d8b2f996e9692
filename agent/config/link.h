#pragma once
// Where configuration comes from: the control stream (grpc_link.h) or files (file_link.h). A link decodes and
// hands over deltas; what is accepted is the manager's business. Thread rule: everything on the cold thread,
// callbacks too.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/snapshot/builder.h"

namespace weft::config {

// What is held for one service; what a stream resumes by.
struct HeldVersion {
  ServiceKey service;
  std::string hash;             // of the bundle; empty: none
  std::string endpoints_store;  // empty: no endpoints yet
  std::uint64_t endpoints_epoch = 0, endpoints_version = 0;
  std::string endpoints_hash;  // wire::HashInstances
};

struct Holding {
  std::optional<snapshot::Version> version;  // none: nothing accepted yet
  std::vector<HeldVersion> services;         // every subscription, held or not
  bool awaiting = false;                     // a new store waits for confirmation
};

// Answer to one delta, and the state after it.
struct Acknowledgement {
  std::uint64_t sequence = 0;
  std::optional<snapshot::Version> target, effective;
  std::vector<snapshot::Accepted> accepted;
  std::vector<snapshot::Refusal> rejected;
  std::optional<Error> refused;  // the whole delta
  bool awaiting = false;
  std::vector<HeldVersion> behind;  // services whose last bundle was refused: what they run with
};

struct Command {
  enum class Kind : std::uint8_t { kDrain, kAcceptResync };
  Kind kind = Kind::kDrain;
  Duration deadline = Duration::zero();  // of a drain; zero: the agent's own setting
  std::string store_id;                  // of kAcceptResync; empty: whichever waits
};

enum class LinkState : std::uint8_t {
  kConnecting,  // an attempt is on its way
  kConnected,   // what is held is current as far as anybody knows
  kWaiting,     // the last attempt failed; the next one waits
};

class Link {
 public:
  struct Callbacks {
    std::function<void(const snapshot::Delta&)> on_delta;
    std::function<void(std::uint64_t sequence, const Error&)> on_malformed;  // a delta that is none
    std::function<void(LinkState, const std::string& why)> on_state;
    std::function<void(const Command&)> on_command;
    // Answers FindAddress; none: no service has that address.
    std::function<void(const net::Address&, const std::optional<ServiceKey>&)> on_found;
    std::function<Holding()> holding;  // asked on each (re)connect
  };

  virtual ~Link() = default;
  virtual void Start(Callbacks callbacks) = 0;
  virtual void Stop() = 0;  // no callback after it
  // false: everything there is comes unasked, so what is not held does not exist.
  virtual bool on_demand() const = 0;
  virtual void Subscribe(std::span<const ServiceKey> keys) = 0;
  virtual void Unsubscribe(std::span<const ServiceKey> keys) = 0;
  virtual void Acknowledge(const Acknowledgement& ack) = 0;
  // Which service has the address. Lost with the stream: ask again once it is connected.
  virtual void FindAddress(const net::Address& address) = 0;
};

}  // namespace weft::config
