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
    {502, GrpcStatus::kUnavailable, false},        // resolve_failed
    {502, GrpcStatus::kUnavailable, false},        // peer_untrusted
    {502, GrpcStatus::kUnavailable, false},        // peer_identity
    {502, GrpcStatus::kUnavailable, false},        // peer_expired
    {502, GrpcStatus::kUnavailable, false},        // peer_revoked
    {502, GrpcStatus::kUnavailable, false},        // identity_refused
    {502, GrpcStatus::kUnavailable, false},        // tls_failed
    {503, GrpcStatus::kUnavailable, false},        // no_identity
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
    {403, GrpcStatus::kPermissionDenied, true},    // connect_denied
    {403, GrpcStatus::kPermissionDenied, true},    // plaintext_refused
    {501, GrpcStatus::kUnimplemented, true},       // not_implemented
    {505, GrpcStatus::kUnimplemented, true},       // version_not_supported
    {0, GrpcStatus::kCancelled, true},             // client_closed
    {503, GrpcStatus::kUnavailable, false},        // shed
    {503, GrpcStatus::kUnavailable, false},        // bulkhead
}};

// Trying again at once would make it worse.
bool IsFull(Reason reason) {
  switch (reason) {
    case Reason::kBreakerOpen:
    case Reason::kPendingOverflow:
    case Reason::kRequestOverflow:
    case Reason::kConnectionOverflow:
    case Reason::kNoInstances:
    case Reason::kNoHealthyInstances:
    case Reason::kConcurrency:
    case Reason::kBulkhead:
    case Reason::kShed: return true;
    default: return false;
  }
}

template <std::size_t N>
std::string_view WriteNumber(std::array<char, N>& space, std::uint32_t number) {
  const char* const end = std::to_chars(space.data(), space.data() + space.size(), number).ptr;
  return {space.data(), static_cast<std::size_t>(end - space.data())};
}

// grpc-status, written into `space`, and grpc-message.
template <std::size_t N>
void AddGrpcStatus(message::FieldList& fields, Reason reason, std::array<char, N>& space) {
  fields.Add(message::FieldId::kGrpcStatus,
             WriteNumber(space, static_cast<std::uint32_t>(MappingOf(reason).grpc)));
  fields.Add("grpc-message", Sentence(reason), message::FieldId::kOther);
}

}  // namespace

const Mapping& MappingOf(Reason reason) { return kMappings[static_cast<std::size_t>(reason)]; }

std::uint16_t HttpOfGrpc(int code) {
  // OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS,
  // PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED,
  // INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED. What the caller did wrong stays below 500.
  constexpr std::array<std::uint16_t, 17> kHttp = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                                   400, 409, 400, 501, 500, 503, 500, 401};
  return code >= 0 && code < static_cast<int>(kHttp.size()) ? kHttp[static_cast<std::size_t>(code)]
                                                            : std::uint16_t{500};
}

GrpcStatus GrpcOfHttp(int status) {
  switch (status) {
    case 400: return GrpcStatus::kInternal;
    case 401: return GrpcStatus::kUnauthenticated;
    case 403: return GrpcStatus::kPermissionDenied;
    case 404: return GrpcStatus::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504: return GrpcStatus::kUnavailable;
    default: return GrpcStatus::kUnknown;
  }
}

int ParseGrpcStatus(std::string_view value) {
  int code = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), code);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  return whole && code >= 0 && code <= 16 ? code : static_cast<int>(GrpcStatus::kUnknown);
}

bool IsGrpc(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (!message::EqualsIgnoreCase(content_type.substr(0, kType.size()), kType)) return false;
  const std::string_view rest = content_type.substr(kType.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';' || rest.front() == ' ';
}

Answer::Answer(Reason reason, std::string_view request_id, std::uint32_t retry_after_seconds, Caller caller,
               Quota quota) {
  const Mapping& mapping = MappingOf(reason);
  close_ = mapping.close;
  using message::FieldId;
  head_.fields.Add(FieldId::kWeftReason, ToString(reason));
  if (!request_id.empty()) head_.fields.Add(FieldId::kXRequestId, request_id);
  head_.status = mapping.http;
  if (caller == Caller::kGrpc)
    SpeakGrpc(reason);
  else
    SpeakHttp(reason, retry_after_seconds);
  if (quota.limit > 0) AddQuota(quota);
}

void Answer::AddQuota(const Quota& quota) {
  using message::FieldId;
  head_.fields.Add("ratelimit-limit", WriteNumber(limit_, quota.limit), FieldId::kOther);
  head_.fields.Add("ratelimit-remaining", "0", FieldId::kOther);
  head_.fields.Add("ratelimit-reset", WriteNumber(reset_, quota.reset_seconds), FieldId::kOther);
}

void Answer::SpeakHttp(Reason reason, std::uint32_t retry_after_seconds) {
  using message::FieldId;
  head_.fields.Add(FieldId::kContentType, "text/plain; charset=utf-8");
  if (retry_after_seconds > 0)
    head_.fields.Add(FieldId::kRetryAfter, WriteNumber(number_, retry_after_seconds));
  const std::string_view name = ToString(reason), sentence = Sentence(reason);
  const int size =
      std::snprintf(body_.data(), body_.size(), "weft: %.*s (%.*s)\n", static_cast<int>(sentence.size()),
                    sentence.data(), static_cast<int>(name.size()), name.data());
  body_size_ = std::min(static_cast<std::size_t>(size), body_.size() - 1);
}

void Answer::SpeakGrpc(Reason reason) {
  using message::FieldId;
  head_.status = 200;
  head_.fields.Add(FieldId::kContentType, "application/grpc");
  AddGrpcStatus(head_.fields, reason, number_);
  if (IsFull(reason)) head_.fields.Add("grpc-retry-pushback-ms", "-1", FieldId::kOther);
}

GrpcTrailers::GrpcTrailers(Reason reason) {
  fields_.Add(message::FieldId::kWeftReason, ToString(reason));
  AddGrpcStatus(fields_, reason, code_);
}

}  // namespace weft::answer
