#pragma once
// A watch as a gRPC server stream. It owns itself until OnDone; one write is under way at a time, so a reader
// that does not take its messages holds one and is overtaken by the feed. For this folder's .cc only.

#include <grpcpp/grpcpp.h>

#include <deque>

#include "controlplane/api/feed.h"

namespace weft::api {

template <class Message>
class Reactor final : public grpc::ServerWriteReactor<Message> {
 public:
  using ToStatus = grpc::Status (*)(const Error&);
  Reactor(std::unique_ptr<Source<Message>> source, ToStatus to_status)
      : source_(std::move(source)), to_status_(to_status) {}

  void Begin() {
    source_->Start([this] { Kick(); });
    Kick();
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (!ok) End({grpc::StatusCode::CANCELLED, "the watcher has gone"});
    }
    Kick();
  }
  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    End(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    source_.reset();  // no waker runs after this
    delete this;
  }

 private:
  void Kick() {
    const std::lock_guard lock(mutex_);
    if (writing_ || ended_) return;
    if (waiting_.empty()) {
      auto messages = source_->Next();
      if (!messages) return End(to_status_(messages.error()));
      waiting_.assign(std::make_move_iterator(messages->begin()), std::make_move_iterator(messages->end()));
    }
    if (waiting_.empty()) return;
    outgoing_ = std::move(waiting_.front());
    waiting_.pop_front();
    writing_ = true;
    this->StartWrite(&outgoing_);
  }

  void End(const grpc::Status& status) {
    if (std::exchange(ended_, true)) return;
    this->Finish(status);
  }

  std::unique_ptr<Source<Message>> source_;
  const ToStatus to_status_;
  std::mutex mutex_;  // guards all below
  std::deque<Message> waiting_;
  Message outgoing_;
  bool writing_ = false, ended_ = false;
};

// A stream that never began.
template <class Message>
class RefusedStream final : public grpc::ServerWriteReactor<Message> {
 public:
  explicit RefusedStream(const grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace weft::api
