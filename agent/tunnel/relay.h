#pragma once
// One relayed connection; see tunnel.h. Deletes itself at the end of the turn in which it closed.

#include "agent/buffer/byte_queue.h"
#include "agent/tunnel/tunnel.h"

namespace weft::tunnel {

class Relay {
 public:
  Relay(Tunnels& tunnels, std::unique_ptr<transport::Transport> client, const engine::Origin& origin,
        std::function<void()> closed);
  void Start(std::string_view first);
  // Tunnels::Dial and Join. False: no socket.
  bool Dial(engine::Target& target, const policy::Timeouts& timeouts,
            std::function<void(Reason reason)> dialled);
  void Join(std::unique_ptr<transport::Transport> client, std::string_view greeting, std::string_view unread,
            std::function<void()> closed);
  void Close(bool reset);

 private:
  // One of the two sockets; what it could not take yet waits in `out`.
  struct Side final : loop::Handler {
    Side(Relay& r, connection::Io& io) : relay(r), out(io.slab) {}
    void OnReady(bool readable, bool writable) override;
    Relay& relay;
    Side* other = nullptr;
    std::unique_ptr<transport::Transport> transport;
    buffer::ByteQueue out;
    std::uint64_t read = 0;
    bool readable = false, hangup = false, ended = false, shut = false, connecting = false;
  };

  void Connect();
  void Connected(int error);
  bool Open(const net::Address& to);
  void EndDial(Reason reason);
  void EndAttempt(engine::Outcome outcome, Reason reason);
  void Pump(Side& from);
  bool Write(Side& to, std::string_view bytes);
  bool Flush(Side& to);
  void MaybeShut(Side& from);
  void OnTimer(TimePoint now);
  void Finish(Reason reason);

  Tunnels& tunnels_;
  Side client_, server_;
  engine::Origin origin_;
  engine::Call call_;
  std::function<void()> closed_;
  std::function<void(Reason reason)> dialled_;  // empty: the relay asks the engine itself
  loop::Timer timer_;
  TimePoint last_progress_;
  Duration idle_ = std::chrono::hours(1), connect_ = std::chrono::seconds(1);
  engine::Target* counted_ = nullptr;  // holds a connection of its cap
  bool attempting_ = false, done_ = false;
};

}  // namespace weft::tunnel
