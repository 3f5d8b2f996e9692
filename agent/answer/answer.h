#pragma once
// The one place that knows status codes: a Reason becomes the response that Weft makes itself. A gRPC caller
// gets HTTP 200 with grpc-status and grpc-message in the head and no body (a trailers-only response); where
// the service port has no room, grpc-retry-pushback-ms: -1 tells it not to try again by itself. Pure; the
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
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

struct Mapping {
  int http;  // 0: no answer is possible
  GrpcStatus grpc;
  bool close;  // the client's connection cannot be used for another request
};
const Mapping& MappingOf(Reason reason);
// What a code of gRPC means to breaker and instance, as a status of HTTP: 14 is 503, 4 is 504, 13 is 500, …
std::uint16_t HttpOfGrpc(int code);
// What a gRPC client makes of a response without grpc-status (grpc's http-grpc-status-mapping.md).
GrpcStatus GrpcOfHttp(int status);
// The value of grpc-status; kUnknown for what is no code.
int ParseGrpcStatus(std::string_view value);
// Of a request's Content-Type: "application/grpc", also with a suffix ("+proto") or parameters.
bool IsGrpc(std::string_view content_type);

enum class Caller : std::uint8_t { kHttp, kGrpc };

// Of a rate limit that refused: RateLimit-Limit, -Remaining (none) and -Reset, as the drafts of the IETF's
// httpapi group had them up to the seventh.
struct Quota {
  std::uint32_t limit = 0;  // zero: none refused, no fields
  std::uint32_t reset_seconds = 0;
};

class Answer {
 public:
  // `retry_after_seconds` zero: not known, the field is left out.
  Answer(Reason reason, std::string_view request_id, std::uint32_t retry_after_seconds = 0,
         Caller caller = Caller::kHttp, Quota quota = {});
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  const message::ResponseHead& head() const { return head_; }
  std::string_view body() const { return {body_.data(), body_size_}; }  // one line of text
  bool close() const { return close_; }

 private:
  void SpeakHttp(Reason reason, std::uint32_t retry_after_seconds);
  void SpeakGrpc(Reason reason);
  void AddQuota(const Quota& quota);

  message::ResponseHead head_;
  std::array<char, 256> body_;
  std::size_t body_size_ = 0;
  std::array<char, 10> number_;  // Retry-After or grpc-status
  std::array<char, 10> limit_, reset_;
  bool close_ = false;
};

// What ends a gRPC call whose head is out: the code, the sentence and x-weft-reason.
class GrpcTrailers {
 public:
  explicit GrpcTrailers(Reason reason);
  GrpcTrailers(const GrpcTrailers&) = delete;
  GrpcTrailers& operator=(const GrpcTrailers&) = delete;
  const message::FieldList& fields() const { return fields_; }

 private:
  message::FieldList fields_;
  std::array<char, 3> code_;
};

}  // namespace weft::answer
