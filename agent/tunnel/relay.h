#pragma once
// One stream; see tunnel.h. Deletes itself at the end of the turn in which it closed. It is small, because
// there may be many that are idle: what only connecting needs is freed once it is connected.

#include "agent/buffer/byte_queue.h"
#include "agent/tunnel/tunnel.h"

namespace weft::tunnel {

class Relay {
 public:
  Relay(Tunnels& tunnels, const engine::Origin& origin, report::StreamKind kind);
  // As in Tunnels. Dial false: no socket.
  void Start(connection::Handed client, Stream stream, Tunnels::Closed closed);
  Reason Dial(engine::Target& target, const policy::Timeouts& timeouts,
              std::function<void(Reason reason)> dialled);
  void Join(connection::Handed client, Tunnels::Closed closed);
  void Splice(connection::Handed client, connection::Handed server, engine::Target& target, Duration idle,
              Tunnels::Closed closed);
  void Close(bool reset, Reason reason);

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
  // What is needed until there is a connection.
  struct Opening {
    engine::Call call;
    engine::Origin origin;
    std::function<void(Reason reason)> dialled;  // empty: the relay asks the engine itself
    Duration connect = std::chrono::seconds(1);
    bool attempting = false;
  };

  void Connect();
  void Connected(int error);
  Reason Open(const engine::Target& target);
  bool Await(std::unique_ptr<transport::Transport> transport);
  void EndDial(Reason reason);
  void EndAttempt(engine::Outcome outcome, Reason reason);
  void Began();
  bool Introduce();
  bool Take(Side& side, connection::Handed handed);
  void Pump(Side& from);
  bool Write(Side& to, std::string_view bytes);
  bool Flush(Side& to);
  void MaybeShut(Side& from);
  void Broke(const Side& side);
  void OnTimer(TimePoint now);
  void Report(Reason reason);

  Tunnels& tunnels_;
  Side client_, server_;
  std::unique_ptr<Opening> opening_;
  Tunnels::Closed closed_;
  std::function<void(bool server, std::string_view bytes)> first_;
  loop::Timer timer_;
  TimePoint last_progress_;
  Duration idle_ = std::chrono::hours(1);
  engine::Target* counted_ = nullptr;  // holds a connection of its cap
  const engine::Direction direction_;
  const report::StreamKind kind_;
  bool counts_ = false;  // the sink has heard of it
  bool done_ = false;
};

}  // namespace weft::tunnel
