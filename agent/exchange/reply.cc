// Answers of our own: refusals from the one table of agent/answer, and redirects.

#include "agent/exchange/exchange.h"

namespace weft::exchange {
void Exchange::Answer(Reason reason) {
  const auto seconds = [](Duration span) {
    return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(span).count());
  };
  const answer::Quota quota{call_.quota.limit, seconds(call_.quota.reset)};
  const answer::Answer answer(reason, request_id_, seconds(call_.retry_after),
                              grpc_ ? answer::Caller::kGrpc : answer::Caller::kHttp, quota);
  if (grpc_) grpc_status_ = static_cast<std::int8_t>(answer::MappingOf(reason).grpc);
  const auto status = static_cast<std::uint16_t>(answer.head().status);
  status_ = status;
  if (client_ != nullptr) {
    if (answer.close() || origin_.place == engine::Place::kRefused) client_->CloseAfter();
    Reply(answer.head(), answer.body());
  }
  Done(reason, status);
}

// A call whose answer has begun: its code can still be said, in the trailers.
void Exchange::EndGrpc(Reason reason) {
  const answer::GrpcTrailers trailers(reason);
  grpc_status_ = static_cast<std::int8_t>(answer::MappingOf(reason).grpc);
  if (stream::ServerStream* client = std::exchange(client_, nullptr)) {
    client->SendTrailers(trailers.fields());
    client->SendEnd();
  }
  Done(reason, status_);
}

void Exchange::Redirect(const message::RequestHead& head) {
  const auto location = route::BuildLocation(decision(), head, call_.service_port, env_.edit_target());
  if (!location) return Answer(Reason::kUriTooLong);
  message::ResponseHead reply;
  reply.status = call_.rule->redirect->status;
  reply.fields.Add(message::FieldId::kLocation, *location);
  reply.fields.Add(message::FieldId::kXRequestId, request_id_);
  status_ = call_.rule->redirect->status;
  Reply(reply, {});
  Done(Reason::kOk, status_);
}

void Exchange::Reply(const message::ResponseHead& head, std::string_view body) {
  if (client_ == nullptr) return;
  response_begun_ = true;
  first_byte_ = env_.io.loop.now();
  const bool bare = head_.method == message::Method::kHead || !client_->TakesBody();
  client_->SendHead(head, {message::Body::Kind::kLength, bare ? 0 : body.size()});
  if (!bare && !body.empty()) {
    client_->SendData(body);
    response_bytes_ = body.size();
  }
  std::exchange(client_, nullptr)->SendEnd();
}

}  // namespace weft::exchange
