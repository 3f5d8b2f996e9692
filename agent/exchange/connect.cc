// CONNECT through the explicit proxy: an attempt is a connection to the picked instance; once there is one,
// the client's socket, or its stream of an HTTP/2 connection, is joined to it and the exchange is over.

#include "agent/connection/reach.h"
#include "agent/exchange/exchange.h"

namespace weft::exchange {

void Exchange::Dial(engine::Target& target) {
  if (connection::ProtectionOf(env_.io, target) == connection::Protection::kNone)
    return FailAttempt(connection::OutcomeOf(Reason::kNoIdentity, target), Reason::kNoIdentity);
  if (!env_.engine.TryConnect(target))
    return FailAttempt(engine::Outcome::kLocal, Reason::kConnectionOverflow);
  dialling_ =
      env_.tunnels->Dial(target, *call_.timeouts, origin_, [this](Reason reason) { Dialled(reason); });
  if (dialling_ == nullptr) FailAttempt(engine::Outcome::kConnectFailed, Reason::kConnectFailed);
}

void Exchange::Dialled(Reason reason) {
  tunnel::Relay& relay = *std::exchange(dialling_, nullptr);
  if (reason != Reason::kOk) {
    const bool late = reason == Reason::kConnectTimeout;
    return FailAttempt(late ? engine::Outcome::kConnectTimeout : engine::Outcome::kConnectFailed, reason);
  }
  status_ = 200;
  head_at_ = first_byte_ = env_.io.loop.now();
  response_begun_ = true;
  Ended(engine::Outcome::kResponse, Reason::kOk);
  stream::ServerStream& client = *std::exchange(client_, nullptr);
  std::string_view greeting = "HTTP/1.1 200 Connection established\r\n\r\n";
  if (client.multiplexed()) {
    greeting = {};
    message::ResponseHead ok;
    ok.status = 200;
    client.SendHead(ok, {});
  }
  env_.join(client, relay, origin_, greeting);
  Done(Reason::kOk, status_);
}

}  // namespace weft::exchange
