#pragma once
// The way to the control plane that all streams of an agent share: one connection, so that two streams cost
// the control plane one descriptor; one completion queue; one thread that waits on it and posts what it gets
// to the cold thread, where everything else happens without a lock. A connection that failed is replaced at
// the next attempt. Nothing of gRPC is touched before Start(). Thread rule: the cold thread.

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "agent/cold/cold.h"
#include "agent/identity/identity.h"
#include "common/random/random.h"
#include "common/result/result.h"

namespace grpc {
class Channel;
class ChannelCredentials;
class CompletionQueue;
}  // namespace grpc

namespace weft::dial {

struct DialerOptions {
  std::string address;     // "host:port"
  std::string token_file;  // its first word is the bearer token (a line of weft-control's file will do);
                           // read on each attempt; empty: none is sent
  // PEM files, read on each connection. The CA: the control plane must show a certificate of it; empty: plain
  // text.
  std::string ca = {}, cert = {}, key = {};  // cert and key: shown to it; empty: none
  std::string server_name = {};              // that its certificate must have; empty: the host of `address`
  // Shown instead of cert and key, its roots trusted besides the CA; a changed one is used for the next
  // connection. Null: none. It outlives the dialer.
  const identity::Source* identity = nullptr;
  // With what a stream that joins is opened while there is no identity that is good.
  std::function<Result<std::string>()> join_token = nullptr;
};

class Dialer {
 public:
  static constexpr int kMaxMessageBytes = 64 << 20;

  Dialer(cold::Cold& cold, DialerOptions options);
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  static constexpr Duration kMaxSpread = std::chrono::minutes(5);

  void Start();  // idempotent
  void Stop();   // waits for the thread; tags that come back later are dropped

  std::shared_ptr<grpc::Channel> Connection();
  Status CheckFiles() const;  // that TLS needs: the error names the setting and the file
  // With what a stream is opened; empty: with nothing. `joins`: also with a join token.
  Result<std::string> Bearer(bool joins) const;
  // How far apart agents that lose the control plane together come back: as it asks, kMaxSpread at most.
  void SetSpread(Duration spread);
  // For one stream that was lost: how long until this agent's turn. Streams lost together have one turn.
  Duration HoldBack(Rng& rng);
  // What an operation on queue() carries; `done(ok)` runs on the cold thread.
  void* Tag(std::function<void(bool ok)> done);
  grpc::CompletionQueue* queue() { return queue_.get(); }
  cold::Cold& cold() { return cold_; }
  const std::string& address() const { return options_.address; }

 private:
  void Poll();
  Result<std::string> ReadToken() const;  // empty: none is configured
  std::shared_ptr<grpc::ChannelCredentials> MakeCredentials() const;
  std::shared_ptr<grpc::Channel> MakeConnection() const;

  cold::Cold& cold_;
  const DialerOptions options_;
  Duration spread_ = Duration::zero();
  TimePoint turn_;  // of the next connection
  std::weak_ptr<grpc::Channel> connection_;
  identity::MaterialPtr held_;  // whose roots `connection_` trusts
  bool shows_ = false;          // and whose certificate it shows: one that has ended would be refused
  std::unique_ptr<grpc::CompletionQueue> queue_;
  std::thread poller_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // cold thread only
};

}  // namespace weft::dial
