#pragma once
// The second attempt of an exchange, until it has a response head (second.cc). For this folder's .cc only.

#include "agent/exchange/exchange.h"

namespace weft::exchange {

class Exchange::Second final : private upstream::AttemptEvents {
 public:
  explicit Second(Exchange& exchange)
      : attempt(exchange.env_.io.loop, exchange.env_.pool, *this), exchange_(exchange) {}

  upstream::Attempt attempt;
  const engine::Target* target = nullptr;  // that it was begun for

 private:
  void OnAttemptReady() override { exchange_.SecondReady(); }
  void OnAttemptInterim(message::ResponseHead&) override {}
  void OnAttemptHead(message::ResponseHead& head, message::Body body) override {
    exchange_.SecondHead(head, body);
  }
  void OnAttemptData(std::string_view) override {}  // from the head on it is the first attempt, or abandoned
  void OnAttemptTrailers(const message::FieldList&) override {}
  void OnAttemptTaken(std::size_t) override {}  // the first one's count
  void OnAttemptEnd() override {}
  void OnAttemptFailed(engine::Outcome outcome, Reason reason) override {
    exchange_.SecondFailed(outcome, reason);
  }

  Exchange& exchange_;
};

}  // namespace weft::exchange
