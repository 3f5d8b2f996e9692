#include "agent/tunnel/tunnel.h"

#include <utility>

#include "agent/tunnel/relay.h"

namespace weft::tunnel {

Tunnels::~Tunnels() { CloseAll(); }

Relay& Tunnels::Make(const engine::Origin& origin, report::StreamKind kind) {
  auto* relay = new Relay(*this, origin, kind);  // until it closes
  relays_.insert(relay);
  return *relay;
}

void Tunnels::Start(connection::Handed client, const engine::Origin& origin, Stream stream, Closed closed) {
  Relay& relay = Make(origin, stream.kind);
  relay.Start(std::move(client), std::move(stream), std::move(closed));
}

Relay* Tunnels::Dial(engine::Target& target, const policy::Timeouts& timeouts, const engine::Origin& origin,
                     std::function<void(Reason reason)> dialled) {
  Relay& relay = Make(origin, report::StreamKind::kConnect);
  const Reason why = relay.Dial(target, timeouts, std::move(dialled));
  if (why == Reason::kOk) return &relay;
  relay.Close(true, why);
  return nullptr;
}

void Tunnels::HangUp(Relay& relay) { relay.Close(true, Reason::kClientClosed); }

void Tunnels::Join(Relay& relay, connection::Handed client, std::string_view greeting, Closed closed) {
  client.unsent += greeting;
  relay.Join(std::move(client), std::move(closed));
}

void Tunnels::Splice(connection::Handed client, connection::Handed server, engine::Target& target,
                     Duration idle, const engine::Origin& origin, Closed closed) {
  Make(origin, report::StreamKind::kUpgrade)
      .Splice(std::move(client), std::move(server), target, idle, std::move(closed));
}

void Tunnels::CloseAll() {
  while (!relays_.empty()) (*relays_.begin())->Close(false, Reason::kShutdown);
}

}  // namespace weft::tunnel
