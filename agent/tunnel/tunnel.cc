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

void Tunnels::CloseAll() {
  while (!relays_.empty()) (*relays_.begin())->Close(false);
}

}  // namespace weft::tunnel
