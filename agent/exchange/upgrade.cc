// A 101: the two sockets become a stream, and the exchange is over. What came behind either head goes with
// its socket. A WebSocket may be a stream of HTTP/2 on either side (RFC 8441); there it is asked for and
// answered without the key and its proof, which are made and checked here.

#include <utility>

#include "agent/exchange/exchange.h"
#include "common/net/key.h"
#include "common/random/random.h"

namespace weft::exchange {

using engine::Outcome;

// To an instance in HTTP/2: only what RFC 8441 can say.
bool Exchange::MaySwitch() const { return body_.empty() && connection::AsksForWebSocket(head_.fields); }

// The same in each attempt.
connection::KeyText Exchange::WebSocketKey() const {
  const std::uint64_t id = HashBytes(request_id_);
  return connection::MakeWebSocketKey(Mix(env_.seed, id, Purpose::kRequestId, 1),
                                      Mix(env_.seed, id, Purpose::kRequestId, 2));
}

// Of a client in HTTP/2 to an instance in HTTP/1.1. False: it does not fit.
bool Exchange::SendWebSocket() {
  const connection::KeyText key = WebSocketKey();
  message::FieldList& fields = env_.outgoing.fields;
  fields.Remove(connection::kWebSocketKey);
  return fields.Add(connection::kWebSocketKey, connection::TextOf(key), message::FieldId::kOther) &&
         attempt_.SendHead(env_.outgoing, body_);
}

// False: such an answer cannot be given to a client in HTTP/2, and the attempt has ended. It would take an
// ordinary 2xx for the beginning of its stream.
bool Exchange::AnswersUpgrade(const message::ResponseHead& head) {
  const bool translated = head_.version == message::Version::kHttp2 && !attempt_.multiplexed();
  if (!translated || (head.status != 101 && head.status / 100 != 2)) return true;
  const message::Field* proof = head.fields.Find(connection::kWebSocketAccept);
  const connection::AcceptText expected = connection::AcceptOf(connection::TextOf(WebSocketKey()));
  const bool proved = proof != nullptr && proof->value == connection::TextOf(expected);
  if (head.status == 101 && proved) return true;
  CancelAttempt();
  if (head.status == 101)
    FailAttempt(Outcome::kMalformed, Reason::kUpstreamMalformed);
  else
    FailAttempt(Outcome::kLocal, Reason::kUpgradeRefused);
  return false;
}

// The sockets change hands at the end of the turn, because the upstream's is in use now.
void Exchange::OnSwitch(message::ResponseHead& head) {
  if (!request_sent_) {  // RFC 9110 7.8: not before it has read the whole request
    CancelAttempt();
    return FailAttempt(Outcome::kMalformed, Reason::kUpstreamMalformed);
  }
  const bool shared = attempt_.multiplexed();  // its connection has a place, which others use
  if (shared && !env_.engine.TryStream(*call_.target)) {
    CancelAttempt();
    return FailAttempt(Outcome::kLocal, Reason::kConnectionOverflow);
  }
  EditResponse(head);
  if (!client_->SendHead(head, {})) {
    if (shared) env_.engine.ReleaseStream(*call_.target);
    CancelAttempt();
    return FailAttempt(Outcome::kLocal, Reason::kUpstreamHeadTooLarge);
  }
  response_begun_ = true;
  first_byte_ = head_at_;
  DropKept();
  switched_place_ = shared ? call_.target : nullptr;
  env_.io.loop.Later([](void* self) { static_cast<Exchange*>(self)->Switch(); }, this);
}

void Exchange::Switch() {
  engine::Target* const place = std::exchange(switched_place_, nullptr);
  if (state_ == State::kDone) {  // the client left, or the drain cut it
    if (place != nullptr) env_.engine.ReleaseStream(*place);
    return;
  }
  engine::Target& target = *call_.target;
  const Duration idle = call_.timeouts->stream_idle;
  Ended(Outcome::kResponse, Reason::kOk);
  connection::Handed server = attempt_.HandOver();
  env_.splice(*std::exchange(client_, nullptr), std::move(server), target, idle, origin_);
  Done(Reason::kOk, status_);
}

}  // namespace weft::exchange
