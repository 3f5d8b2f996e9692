#pragma once
// A copy of a request for a RequestMirror filter: kept until the original's body is whole, then sent once to
// an instance of the mirror's service port, by that service's own breaker, caps, selection and timeouts, past
// its routes. The answer is thrown away; nothing is retried, nothing delays or fails the original.
//
// Bounds: bodies of at most 64 KiB; 256 mirrors and 4 MiB of bodies per worker; 15 s per mirror. What does
// not fit is not sent and counted (report::MirrorResult::kOverflow).
//
// Lifetime: owns itself from Begin until the end of the turn after Send has come to its end, or Drop.
// Thread rule: one worker.

#include "agent/buffer/byte_queue.h"
#include "agent/exchange/arena.h"
#include "agent/exchange/environment.h"
#include "agent/exchange/saved_head.h"
#include "agent/upstream/attempt.h"

namespace weft::exchange {

class Mirror final : private upstream::AttemptEvents {
 public:
  // `head` is the request as the original's rule writes it; copied.
  static Mirror* Begin(Environment& env, const BackendKey& to, const engine::Origin& origin,
                       const message::RequestHead& head, message::Body body);
  void Data(std::string_view data);
  void Trailers(const message::FieldList& trailers);
  void Send();                            // the request is whole; neither of both more than once
  void Drop();                            // it will never be
  static void DropAll(Environment& env);  // the worker ends

 private:
  Mirror(Environment& env, const BackendKey& to, const engine::Origin& origin, message::Body body);
  void Save(const message::RequestHead& head);
  void Overflow();
  void Try();
  void End(engine::Outcome outcome, Reason reason);
  void Done(report::MirrorResult result, Reason reason);

  void OnAttemptReady() override;
  void OnAttemptInterim(message::ResponseHead&) override {}
  void OnAttemptHead(message::ResponseHead& head, message::Body body) override;
  void OnAttemptData(std::string_view) override {}
  void OnAttemptTrailers(const message::FieldList&) override {}
  void OnAttemptTaken(std::size_t) override {}
  void OnAttemptEnd() override {}
  void OnAttemptFailed(engine::Outcome outcome, Reason reason) override;

  Environment& env_;
  upstream::Attempt attempt_;
  BackendKey to_;
  engine::Origin origin_;
  engine::Call call_;
  Arena arena_;
  SavedHead head_;
  message::Body body_;
  buffer::ByteQueue bytes_;
  std::span<const message::Field> trailers_;
  std::uint16_t status_ = 0;
  TimePoint head_at_;
  bool overflow_ = false, started_ = false, attempting_ = false;
};

}  // namespace weft::exchange
