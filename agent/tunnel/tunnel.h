#pragma once
// Relays connections that are not HTTP: bytes both ways with back-pressure (64 KiB per direction), half
// close, and an idle timeout. A relay lets go of the snapshot once it is connected, so a configuration change
// never cuts it. Thread rule: one worker.

#include <functional>
#include <memory>
#include <unordered_set>

#include "agent/connection/connection.h"
#include "agent/engine/engine.h"
#include "agent/report/report.h"

namespace weft::tunnel {

class Relay;

class Tunnels {
 public:
  Tunnels(connection::Io& io, engine::Engine& engine, report::Sink& sink)
      : io_(io), engine_(engine), sink_(sink) {}
  ~Tunnels();

  // Relays `client` to an instance of the service that its origin names, or to its original destination when
  // that is no service. `first`: bytes already read. `closed` is called once, when it is over.
  void Start(std::unique_ptr<transport::Transport> client, const engine::Origin& origin,
             std::string_view first, std::function<void()> closed);

  // For CONNECT: connects first, while the client still belongs to somebody else. The cap of the target is
  // taken already and given back by the relay. `dialled` is called once, later: kOk, then Join or HangUp
  // follows at once; or why not, and the relay is gone. Null: no socket; the cap was given back.
  Relay* Dial(engine::Target& target, const policy::Timeouts& timeouts, const engine::Origin& origin,
              std::function<void(Reason reason)> dialled);
  void HangUp(Relay& relay);  // before `dialled`, or in it
  // In `dialled`: `greeting` goes to the client, then the two are relayed; `unread` was read from it.
  void Join(Relay& relay, std::unique_ptr<transport::Transport> client, std::string_view greeting,
            std::string_view unread, std::function<void()> closed);
  void CloseAll();
  std::size_t size() const { return relays_.size(); }

 private:
  friend class Relay;
  connection::Io& io_;
  engine::Engine& engine_;
  report::Sink& sink_;
  std::unordered_set<Relay*> relays_;
};

}  // namespace weft::tunnel
