#pragma once
// The one place that knows status codes: a Reason becomes the response that Weft makes itself. Pure; the
// head's views point into the answer. Thread rule: one worker.

#include <array>
#include <cstdint>
#include <string_view>

#include "common/message/head.h"
#include "common/reason/reason.h"

namespace weft::answer {

// Numbers of gRPC's status codes, as https://grpc.io/docs/guides/status-codes has them.
enum class GrpcStatus : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

struct Mapping {
  int http;  // 0: no answer is possible
  GrpcStatus grpc;
  bool close;  // the client's connection cannot be used for another request
};
const Mapping& MappingOf(Reason reason);

class Answer {
 public:
  // `retry_after_seconds` zero: not known, the field is left out.
  Answer(Reason reason, std::string_view request_id, std::uint32_t retry_after_seconds = 0);
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  const message::ResponseHead& head() const { return head_; }
  std::string_view body() const { return {body_.data(), body_size_}; }  // one line of text
  bool close() const { return close_; }

 private:
  message::ResponseHead head_;
  std::array<char, 256> body_;
  std::size_t body_size_ = 0;
  std::array<char, 10> retry_after_;
  bool close_ = false;
};

}  // namespace weft::answer
