// A 101: the two sockets become a stream, and the exchange is over. What came behind either head goes with
// its socket.

#include <utility>

#include "agent/exchange/exchange.h"

namespace weft::exchange {

using engine::Outcome;

// The sockets change hands at the end of the turn, because the upstream's is in use now.
void Exchange::OnSwitch(message::ResponseHead& head) {
  if (!request_sent_) {  // RFC 9110 7.8: not before it has read the whole request
    CancelAttempt();
    return FailAttempt(Outcome::kMalformed, Reason::kUpstreamMalformed);
  }
  EditResponse(head);
  if (!client_->SendHead(head, {})) {
    CancelAttempt();
    return FailAttempt(Outcome::kLocal, Reason::kUpstreamHeadTooLarge);
  }
  response_begun_ = true;
  first_byte_ = head_at_;
  DropKept();
  env_.io.loop.Later([](void* self) { static_cast<Exchange*>(self)->Switch(); }, this);
}

void Exchange::Switch() {
  if (state_ == State::kDone) return;  // the client left, or the drain cut it
  engine::Target& target = *call_.target;
  const Duration idle = call_.timeouts->stream_idle;
  Ended(Outcome::kResponse, Reason::kOk);
  connection::Handed server = attempt_.HandOver();
  env_.splice(*std::exchange(client_, nullptr), std::move(server), target, idle, origin_);
  Done(Reason::kOk, status_);
}

}  // namespace weft::exchange
