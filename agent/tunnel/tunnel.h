#pragma once
// Streams: connections that are relayed byte by byte, because they are not HTTP or stopped being it. Bytes go
// both ways with back-pressure (64 KiB per direction), a half close is passed on, and only an idle timeout
// ends what neither side ends. A stream lets go of the snapshot once it is connected, so a configuration
// change never cuts it; toward instances it counts under maxConnections. Thread rule: one worker.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "agent/connection/connection.h"
#include "agent/engine/engine.h"
#include "agent/report/report.h"

namespace weft::tunnel {

class Relay;

// What is known of a connection before it is relayed.
struct Stream {
  report::StreamKind kind = report::StreamKind::kTcp;
  std::string server_name;  // of kTls: lower case; empty: it asks for none
  // Called once, with the first bytes of either side that are relayed; may be empty.
  std::function<void(bool server, std::string_view bytes)> first = {};
};

class Tunnels {
 public:
  using Closed = std::function<void()>;  // called once, when the stream is over

  Tunnels(connection::Io& io, engine::Engine& engine, report::Sink& sink)
      : io_(io), engine_(engine), sink_(sink) {}
  ~Tunnels();

  // Relays `client` to an instance of the service that its origin names, or to its original destination when
  // that is no service.
  void Start(connection::Handed client, const engine::Origin& origin, Stream stream, Closed closed);

  // For CONNECT: connects first, while the client still belongs to somebody else. The cap of the target is
  // taken already and given back by the relay. `dialled` is called once, later: kOk, then Join or HangUp
  // follows at once; or why not, and the relay is gone. Null: no socket; the cap was given back.
  Relay* Dial(engine::Target& target, const policy::Timeouts& timeouts, const engine::Origin& origin,
              std::function<void(Reason reason)> dialled);
  void HangUp(Relay& relay);  // before `dialled`, or in it
  // In `dialled`: `greeting` goes to the client behind what it was still owed, then the two are relayed.
  void Join(Relay& relay, connection::Handed client, std::string_view greeting, Closed closed);

  // Behind a 101: both sides are connected. The place under the cap of `target` goes with `server`.
  void Splice(connection::Handed client, connection::Handed server, engine::Target& target, Duration idle,
              const engine::Origin& origin, Closed closed);

  void CloseAll();  // with reason kShutdown
  std::size_t size() const { return relays_.size(); }
  std::size_t inbound() const { return inbound_; }

 private:
  friend class Relay;
  Relay& Make(const engine::Origin& origin, report::StreamKind kind);

  connection::Io& io_;
  engine::Engine& engine_;
  report::Sink& sink_;
  std::unordered_set<Relay*> relays_;
  std::size_t inbound_ = 0;
};

}  // namespace weft::tunnel
