#pragma once
// What the TLS connections of one worker share: buffers for the bytes of the turn, sessions to resume, and
// connections that were closed while the kernel had not taken their last bytes. A connection owns no buffer
// while it is idle. Thread rule: one worker.

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "agent/tls/context.h"
#include "agent/transport/transport.h"

struct ssl_session_st;

namespace weft::tls {

inline constexpr std::size_t kReceiveBytes = 64 * 1024;
inline constexpr std::size_t kRecordBytes = 16 * 1024;  // plaintext of one record, at most
inline constexpr std::size_t kMostSessions = 1024;

// How a handshake went.
struct Handshake {
  bool server = false, resumed = false;
  Reason reason = Reason::kOk;  // why there is no connection
};

class Parting;  // secured.cc

class Wire {
 public:
  // All outlive it. `told` hears of each handshake that ended; `wall` reads the clock.
  Wire(loop::EventLoop& loop, const Contexts& contexts, std::function<void(const Handshake&)> told,
       WallTime (*wall)());
  ~Wire();  // what is parting is cut
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Null: there is no identity, or it has ended.
  ContextPtr Usable() const;

  // Over a connecting or connected transport; the first writable event comes when the handshake is over.
  // `expected`: the SPIFFE id of the peer; never empty.
  std::unique_ptr<transport::Transport> Client(std::unique_ptr<transport::Transport> over, ContextPtr context,
                                               std::string expected);
  // `first`: what was read of it already.
  std::unique_ptr<transport::Transport> Server(std::unique_ptr<transport::Transport> over, ContextPtr context,
                                               std::string first);

  std::size_t parting() const { return parting_.size(); }
  std::size_t sessions() const { return sessions_.size(); }

 private:
  friend class Secured;
  friend class Parting;
  using SessionPtr = std::shared_ptr<ssl_session_st>;
  SessionPtr TakeSession(const Context& context, const std::string& key);  // once: tickets are not reused
  void KeepSession(const Context& context, const std::string& key, SessionPtr session);

  loop::EventLoop& loop_;
  const Contexts& contexts_;
  const std::function<void(const Handshake&)> told_;
  WallTime (*const wall_)();
  std::unique_ptr<char[]> receive_ = std::make_unique<char[]>(kReceiveBytes);
  std::unique_ptr<char[]> record_ = std::make_unique<char[]>(kRecordBytes);
  std::string send_;  // records of the call that runs; keeps what it has allocated
  // By peer and address, of `sessions_of_` only: another certificate begins anew.
  std::unordered_map<std::string, SessionPtr> sessions_;
  const Context* sessions_of_ = nullptr;
  std::unordered_set<Parting*> parting_;
};

}  // namespace weft::tls
