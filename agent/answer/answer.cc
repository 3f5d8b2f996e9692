#include "agent/answer/answer.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace weft::answer {
namespace {

// In the order of the enum; docs/reasons.md says the same (asserted by a test).
constexpr std::array<Mapping, kReasonCount> kMappings = {{
    {200, GrpcStatus::kOk, false},                 // ok
    {503, GrpcStatus::kUnavailable, false},        // breaker_open
    {503, GrpcStatus::kUnavailable, false},        // pending_overflow
    {503, GrpcStatus::kUnavailable, false},        // request_overflow
    {503, GrpcStatus::kUnavailable, false},        // connection_overflow
    {503, GrpcStatus::kUnavailable, false},        // no_instances
    {503, GrpcStatus::kUnavailable, false},        // no_healthy_instances
    {503, GrpcStatus::kUnavailable, false},        // concurrency
    {503, GrpcStatus::kUnavailable, false},        // memory_limit
    {503, GrpcStatus::kUnavailable, false},        // no_config
    {503, GrpcStatus::kUnavailable, false},        // shutdown
    {429, GrpcStatus::kResourceExhausted, false},  // rate_limited
    {504, GrpcStatus::kDeadlineExceeded, false},   // request_timeout
    {504, GrpcStatus::kDeadlineExceeded, false},   // attempt_timeout
    {504, GrpcStatus::kDeadlineExceeded, false},   // connect_timeout
    {504, GrpcStatus::kDeadlineExceeded, false},   // response_head_timeout
    {504, GrpcStatus::kDeadlineExceeded, false},   // caller_deadline
    {504, GrpcStatus::kDeadlineExceeded, false},   // stream_idle
    {502, GrpcStatus::kUnavailable, false},        // connect_failed
    {502, GrpcStatus::kUnavailable, false},        // upstream_reset
    {502, GrpcStatus::kUnavailable, false},        // upstream_truncated
    {502, GrpcStatus::kUnavailable, false},        // upstream_malformed
    {502, GrpcStatus::kUnavailable, false},        // upstream_head_too_large
    {404, GrpcStatus::kUnimplemented, false},      // no_route
    {404, GrpcStatus::kUnimplemented, false},      // unknown_service
    {400, GrpcStatus::kInvalidArgument, false},    // ambiguous_service
    {403, GrpcStatus::kPermissionDenied, false},   // egress_denied
    {500, GrpcStatus::kUnavailable, false},        // no_backend
    {403, GrpcStatus::kPermissionDenied, false},   // unauthorized
    {508, GrpcStatus::kInternal, false},           // loop
    {400, GrpcStatus::kInvalidArgument, true},     // bad_request
    {414, GrpcStatus::kInvalidArgument, true},     // uri_too_long
    {431, GrpcStatus::kInvalidArgument, true},     // head_too_large
    {413, GrpcStatus::kResourceExhausted, true},   // body_too_large
    {408, GrpcStatus::kDeadlineExceeded, true},    // head_timeout
    {417, GrpcStatus::kInvalidArgument, true},     // expectation_failed
    {501, GrpcStatus::kUnimplemented, true},       // upgrade_refused
    {501, GrpcStatus::kUnimplemented, true},       // not_implemented
    {505, GrpcStatus::kUnimplemented, true},       // version_not_supported
    {0, GrpcStatus::kCancelled, true},             // client_closed
}};

}  // namespace

const Mapping& MappingOf(Reason reason) { return kMappings[static_cast<std::size_t>(reason)]; }

Answer::Answer(Reason reason, std::string_view request_id, std::uint32_t retry_after_seconds) {
  const Mapping& mapping = MappingOf(reason);
  head_.status = mapping.http;
  close_ = mapping.close;
  using message::FieldId;
  head_.fields.Add(FieldId::kWeftReason, ToString(reason));
  head_.fields.Add(FieldId::kContentType, "text/plain; charset=utf-8");
  if (!request_id.empty()) head_.fields.Add(FieldId::kXRequestId, request_id);
  if (retry_after_seconds > 0) {
    char* end =
        std::to_chars(retry_after_.data(), retry_after_.data() + retry_after_.size(), retry_after_seconds)
            .ptr;
    head_.fields.Add(FieldId::kRetryAfter,
                     {retry_after_.data(), static_cast<std::size_t>(end - retry_after_.data())});
  }
  const std::string_view name = ToString(reason), sentence = Sentence(reason);
  const int size =
      std::snprintf(body_.data(), body_.size(), "weft: %.*s (%.*s)\n", static_cast<int>(sentence.size()),
                    sentence.data(), static_cast<int>(name.size()), name.data());
  body_size_ = std::min(static_cast<std::size_t>(size), body_.size() - 1);
}

}  // namespace weft::answer
