#pragma once
// One attempt of a request: gets a connection to the picked instance, carries the request there and the
// answer back, and keeps its times. It ends with OnAttemptEnd or OnAttemptFailed, exactly once, unless Cancel
// came before.
//
// Times: connect from the start of connecting, attempt from Start, head from the end of the request, idle
// from the last progress in either direction. The first that passes fails the attempt with its reason. Thread
// rule: one worker.

#include "agent/engine/call.h"
#include "agent/pool/pool.h"
#include "agent/stream/stream.h"
#include "common/policy/policy.h"

namespace weft::upstream {

class AttemptEvents {
 public:
  virtual void OnAttemptReady() = 0;  // a connection is there: send the head, then the body
  virtual void OnAttemptInterim(message::ResponseHead& head) = 0;
  virtual void OnAttemptHead(message::ResponseHead& head, message::Body body) = 0;
  virtual void OnAttemptData(std::string_view data) = 0;
  virtual void OnAttemptTrailers(const message::FieldList& trailers) = 0;
  virtual void OnAttemptTaken(std::size_t bytes) = 0;  // of the request body
  virtual void OnAttemptEnd() = 0;
  virtual void OnAttemptFailed(engine::Outcome outcome, Reason reason) = 0;

 protected:
  ~AttemptEvents() = default;
};

class Attempt final : private pool::Waiter, private stream::ResponseEvents {
 public:
  Attempt(loop::EventLoop& loop, pool::Pool& pool, AttemptEvents& events);

  void Start(engine::Target& target, const policy::Timeouts& timeouts, message::Method method,
             pool::Demand demand);
  void Cancel();  // lets go of everything; no event follows
  // Until the end of OnAttemptHead: the same, but a connection whose answer is short stays usable.
  void Abandon();
  // This one is over. In the other's OnAttemptHead, or after its end: it goes on as this one.
  void TakeOver(Attempt& other);

  // After a 101 in OnAttemptHead, in the same turn or later: the socket stops being HTTP. As Cancel.
  connection::Handed HandOver();

  bool live() const { return connection_ != nullptr; }
  bool multiplexed() const { return live() && connection_->multiplexed(); }
  bool SendHead(const message::RequestHead& head, message::Body body) {
    return connection_->SendHead(head, body);
  }
  std::size_t SendData(std::string_view data);  // taken at once
  void SendTrailers(const message::FieldList& trailers) { connection_->SendTrailers(trailers); }
  void SendEnd();
  void Consumed(std::size_t bytes);

  // Of the attempt that runs or ran last.
  bool reused() const { return reused_; }
  bool never_sent() const { return never_sent_; }

 private:
  void OnConnecting() override;
  void OnLent(stream::ClientStream& connection, bool reused) override;
  void OnRefused(engine::Outcome outcome, Reason reason) override;
  void OnInterim(message::ResponseHead& head) override;
  void OnResponseHead(message::ResponseHead& head, message::Body body) override;
  void OnResponseData(std::string_view data) override;
  void OnResponseTrailers(const message::FieldList& trailers) override;
  void OnResponseEnd() override;
  void OnRequestTaken(std::size_t bytes) override;
  void OnUpstreamReset(stream::ResetCode code) override;

  void Adopt(stream::ClientStream& connection, bool reused);
  void Progress() { last_progress_ = loop_.now(); }
  TimePoint Due() const;
  void OnTimer(TimePoint now);
  void Fail(engine::Outcome outcome, Reason reason);
  void Forget();  // drops the connection without touching it

  loop::EventLoop& loop_;
  pool::Pool& pool_;
  AttemptEvents& events_;
  loop::Timer timer_;
  stream::ClientStream* connection_ = nullptr;
  policy::Timeouts timeouts_;  // a copy: an inbound policy may change meanwhile
  message::Method method_ = message::Method::kGet;
  bool running_ = false, waiting_ = false, reused_ = false, never_sent_ = true, head_seen_ = false;
  TimePoint connect_due_, attempt_due_, head_due_, last_progress_;
};

}  // namespace weft::upstream
