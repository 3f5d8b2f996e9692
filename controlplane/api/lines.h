#pragma once
// A watch as the body of a REST answer: one JSON object a line. An error is a line too,
// {"type": "ERROR", "error": {…}}, and the last.

#include <nlohmann/json.hpp>

#include "common/http/message.h"
#include "controlplane/api/feed.h"
#include "controlplane/api/guard.h"
#include "controlplane/api/json.h"

namespace weft::api {

inline std::string ErrorLine(const Error& error) {
  Json line{{"type", "ERROR"}};
  line.update(Json::parse(http::ErrorResponse(error).body));
  return line.dump() + "\n";
}

template <class Message>
class Lines final : public http::Stream {
 public:
  explicit Lines(std::unique_ptr<Source<Message>> source) : source_(std::move(source)) {}

  void Start(std::function<void()> wake) override {
    wake_ = wake;
    source_->Start(std::move(wake));
    wake_();
  }

  Piece Next() override {
    const auto messages = source_->Next();
    if (!messages) return {ErrorLine(messages.error()), true};
    Piece piece;
    for (const Message& message : *messages)
      piece.bytes += ToJson(message).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    return piece;
  }

 private:
  std::unique_ptr<Source<Message>> source_;
  std::function<void()> wake_;
};

// Lines of whoever may read them.
class GuardedLines final : public http::Stream {
 public:
  GuardedLines(std::shared_ptr<http::Stream> lines, MayRead may)
      : lines_(std::move(lines)), guard_(std::move(may)) {}

  void Start(std::function<void()> wake) override { lines_->Start(std::move(wake)); }
  Piece Next() override {
    if (auto ok = guard_.Look(); !ok) return {ErrorLine(ok.error()), true};
    return lines_->Next();
  }

 private:
  const std::shared_ptr<http::Stream> lines_;
  Guard guard_;
};

template <class Message>
http::Response LinesResponse(std::unique_ptr<Source<Message>> source) {
  http::Response response;
  response.content_type = "application/jsonl";
  response.stream = std::make_shared<Lines<Message>>(std::move(source));
  return response;
}

}  // namespace weft::api
