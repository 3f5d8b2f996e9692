#pragma once
// One bidirectional stream to the control plane, begun anew for ever: an attempt that fails is followed by
// the next after backoff.h's delay, and after a random part of the spread that the control plane asks for, or
// the wait that it names, when a stream was lost. Every attempt starts with the hello. One write is in flight
// at a time and at most kMaxQueued wait behind it, then the stream is begun anew. Reads go on one at a time,
// each after its message was handled, so a fast sender is held back by flow control. Heavy: include it in .cc
// files only. Thread rule: the cold thread. The dialer outlives it.

#include <grpcpp/grpcpp.h>

#include <charconv>
#include <deque>

#include "agent/dial/backoff.h"
#include "agent/dial/dialer.h"

namespace weft::dial {

enum class State : std::uint8_t { kConnecting, kConnected, kWaiting };

template <class Out, class In>
class Stream {
 public:
  using Call = grpc::ClientAsyncReaderWriter<Out, In>;
  using Channel = std::shared_ptr<grpc::Channel>;
  struct Hooks {
    std::function<std::unique_ptr<Call>(const Channel&, grpc::ClientContext*, grpc::CompletionQueue*)>
        prepare;
    std::function<Out()> hello;
    std::function<void(const In&)> on_message;
    std::function<void(State, const std::string& why)> on_state;  // why: of kWaiting
    bool joins = false;                                           // it may be opened with a join token
  };
  static constexpr std::size_t kMaxQueued = 256;
  static constexpr Duration kStable = std::chrono::seconds(10);  // a life that resets the back-off
  static constexpr Duration kConnectLimit = std::chrono::seconds(5);
  static constexpr Duration kMaxPushback = std::chrono::minutes(5);  // of what the control plane may ask for

  Stream(Dialer& dialer, Rng rng, Hooks hooks)
      : dialer_(dialer), rng_(rng), backoff_(rng), hooks_(std::move(hooks)) {}
  ~Stream() { Stop(); }

  void Start() {
    dialer_.Start();
    Connect();
  }

  void Stop() {
    *alive_ = false;
    if (attempt_) attempt_->context.TryCancel();
    attempt_.reset();
  }

  // Ends the stream of now, if there is one, and begins another at once.
  void BeginAnew() {
    if (!attempt_) return;
    attempt_->context.TryCancel();
    outbox_.clear();
    Connect();
  }

  // Dropped while there is no stream: the next hello says all that is needed.
  void Send(Out message) {
    if (!attempt_ || attempt_->finishing) return;
    if (outbox_.size() >= kMaxQueued) return attempt_->context.TryCancel();
    outbox_.push_back(std::move(message));
    Write();
  }

 private:
  // Its call and buffers. Kept by its operations until the last came back.
  struct Attempt {
    Channel channel;
    grpc::ClientContext context;
    std::unique_ptr<Call> call;
    In incoming;
    Out outgoing;  // of the write in flight
    grpc::Status status;
    bool started = false, writing = false, finishing = false;
    bool heard = false;  // a message came
    TimePoint connected_at;
  };
  using Step = void (Stream::*)(bool ok);

  void* Tag(Step step) {
    return dialer_.Tag([this, mine = attempt_, step, guard = alive_](bool ok) {
      if (*guard && mine == attempt_) (this->*step)(ok);
    });
  }

  void Connect() {
    hooks_.on_state(State::kConnecting, {});
    attempt_ = std::make_shared<Attempt>();
    if (auto ok = dialer_.CheckFiles(); !ok) return Retry(ok.error().Text());
    const Result<std::string> token = dialer_.Bearer(hooks_.joins);
    if (!token) return Retry(token.error().Text());
    if (!token->empty()) attempt_->context.AddMetadata("authorization", "Bearer " + *token);
    attempt_->channel = dialer_.Connection();
    attempt_->call = hooks_.prepare(attempt_->channel, &attempt_->context, dialer_.queue());
    outbox_.clear();
    outbox_.push_back(hooks_.hello());
    attempt_->call->StartCall(Tag(&Stream::Started));
    dialer_.cold().After(kConnectLimit, [this, weak = std::weak_ptr<Attempt>(attempt_), guard = alive_] {
      const std::shared_ptr<Attempt> late = weak.lock();
      if (*guard && late && late == attempt_ && !late->started) late->context.TryCancel();
    });
  }

  void Retry(const std::string& why) {
    if (attempt_->started && dialer_.cold().Now() - attempt_->connected_at >= kStable) backoff_.Reset();
    Duration wait = backoff_.Next() + Pushback();
    if (attempt_->heard) wait += dialer_.HoldBack(rng_);
    attempt_.reset();
    outbox_.clear();
    dialer_.cold().After(wait, [this, guard = alive_] {
      if (*guard) Connect();
    });
    hooks_.on_state(State::kWaiting, dialer_.address() + ": " + why);
  }

  // The wait that a refusal names (gRFC A6); zero: none.
  Duration Pushback() const {
    if (!attempt_->finishing) return Duration::zero();
    const auto& trailers = attempt_->context.GetServerTrailingMetadata();
    const auto found = trailers.find("grpc-retry-pushback-ms");
    std::int64_t ms = 0;
    if (found != trailers.end())
      std::from_chars(found->second.data(), found->second.data() + found->second.size(), ms);
    return std::clamp<Duration>(std::chrono::milliseconds(ms), Duration::zero(), kMaxPushback);
  }

  void Started(bool ok) {
    if (!ok) return Finish();
    attempt_->started = true;
    attempt_->connected_at = dialer_.cold().Now();
    hooks_.on_state(State::kConnected, {});
    attempt_->call->Read(&attempt_->incoming, Tag(&Stream::Read));
    Write();
  }

  void Read(bool ok) {
    if (!ok) return Finish();
    const std::shared_ptr<Attempt> mine = attempt_;
    mine->heard = true;
    hooks_.on_message(mine->incoming);
    mine->incoming.Clear();
    if (attempt_ == mine && !mine->finishing) mine->call->Read(&mine->incoming, Tag(&Stream::Read));
  }

  void Wrote(bool ok) {
    attempt_->writing = false;
    if (ok) Write();  // a failed write is followed by a failed read, which ends the attempt
  }

  void Write() {
    if (attempt_->writing || attempt_->finishing || !attempt_->started || outbox_.empty()) return;
    attempt_->outgoing = std::move(outbox_.front());
    outbox_.pop_front();
    attempt_->writing = true;
    attempt_->call->Write(attempt_->outgoing, Tag(&Stream::Wrote));
  }

  void Finish() {
    if (attempt_->finishing) return;
    attempt_->finishing = true;
    attempt_->call->Finish(&attempt_->status, Tag(&Stream::Finished));
  }

  void Finished(bool) {
    const grpc::Status& status = attempt_->status;
    if (status.ok()) return Retry("the control plane ended the stream");
    Retry(status.error_message().empty() ? "gRPC status " + std::to_string(status.error_code())
                                         : status.error_message());
  }

  Dialer& dialer_;
  Rng rng_;
  Backoff backoff_;
  const Hooks hooks_;
  std::shared_ptr<Attempt> attempt_;  // the one of now; null: waiting for the next
  std::deque<Out> outbox_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weft::dial
