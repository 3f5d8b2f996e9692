#include "agent/tunnel/tunnel.h"

#include <utility>

#include "agent/tunnel/relay.h"

namespace weft::tunnel {

Tunnels::~Tunnels() { CloseAll(); }

void Tunnels::Start(std::unique_ptr<transport::Transport> client, const engine::Origin& origin,
                    std::string_view first, std::function<void()> closed) {
  auto* relay = new Relay(*this, std::move(client), origin, std::move(closed));  // until it closes
  relays_.insert(relay);
  relay->Start(first);
}

Relay* Tunnels::Dial(engine::Target& target, const policy::Timeouts& timeouts, const engine::Origin& origin,
                     std::function<void(Reason reason)> dialled) {
  auto* relay = new Relay(*this, nullptr, origin, [] {});
  relays_.insert(relay);
  if (relay->Dial(target, timeouts, std::move(dialled))) return relay;
  relay->Close(true);
  return nullptr;
}

void Tunnels::HangUp(Relay& relay) { relay.Close(true); }

void Tunnels::Join(Relay& relay, std::unique_ptr<transport::Transport> client, std::string_view greeting,
                   std::string_view unread, std::function<void()> closed) {
  relay.Join(std::move(client), greeting, unread, std::move(closed));
}

void Tunnels::CloseAll() {
  while (!relays_.empty()) (*relays_.begin())->Close(false);
}

}  // namespace weft::tunnel
