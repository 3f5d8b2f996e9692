#pragma once
// A watch goes on as long as who reads it may: who lost the right (a revoked certificate, a token
// that was taken out, a lesser role) is told so and loses the watch, within a second. Thread rule: as the
// watch's.

#include <functional>
#include <memory>

#include "common/time/time.h"
#include "controlplane/api/feed.h"

namespace weft::api {

using MayRead = std::function<Status()>;                                // costs some microseconds
inline constexpr Duration kLookAgain = std::chrono::milliseconds(250);  // at the earliest, when it is woken

class Guard {
 public:
  explicit Guard(MayRead may) : may_(std::move(may)), looked_(ReadMonotonicClock()) {}

  Status Look() {
    const TimePoint now = ReadMonotonicClock();
    if (now - looked_ < kLookAgain) return {};
    looked_ = now;
    return may_();
  }

 private:
  const MayRead may_;
  TimePoint looked_;
};

template <class Message>
class GuardedSource final : public Source<Message> {
 public:
  GuardedSource(std::unique_ptr<Source<Message>> source, MayRead may)
      : source_(std::move(source)), guard_(std::move(may)) {}

  void Start(std::function<void()> wake) override { source_->Start(std::move(wake)); }
  Result<std::vector<Message>> Next() override {
    if (auto ok = guard_.Look(); !ok) return ok.error();
    return source_->Next();
  }

 private:
  const std::unique_ptr<Source<Message>> source_;
  Guard guard_;
};

}  // namespace weft::api
