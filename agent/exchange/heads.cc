// What each hop reads, adds and removes (docs/life-of-a-request.md has the table).

#include <algorithm>
#include <charconv>

#include "agent/exchange/exchange.h"

namespace weft::exchange {
namespace {

using message::Field;
using message::FieldId;

std::uint64_t ParseNumber(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

// An offer of HTTP/2 is left out, as every server may ignore it: its requests would go past routes and
// records. False: it is one of several, of which nobody can tell what they are good for without it.
bool KeepUpgrade(message::RequestHead& head) {
  bool h2c = false, other = false;
  for (const Field& field : head.fields) {
    if (field.id != FieldId::kUpgrade) continue;
    const bool lone = message::EqualsIgnoreCase(field.value, "h2c");
    h2c |= lone || message::HasToken(field.value, "h2c");
    other |= !lone && !field.value.empty();
  }
  head.upgrade = other;
  return !h2c || !other;
}

// Writes fields that must be composed, one line behind the other, and adds them to a list. There is room: a
// value is short, or a part of a head that was received (Environment::edit_fields).
class Composer {
 public:
  explicit Composer(std::span<char> out) : at_(out.data()) {}
  // Begins a field; `name` with its colon and space.
  template <std::size_t N>
  Composer& Name(const char (&name)[N]) {
    name_ = at_;
    name_size_ = N - 3;
    return Put(name);
  }
  template <std::size_t N>
  Composer& Put(const char (&text)[N]) {
    std::memcpy(at_, text, N - 1);
    at_ += N - 1;
    return *this;
  }
  Composer& Put(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  Composer& Put(std::uint64_t number) {
    if (number < 10) {
      *at_++ = static_cast<char>('0' + number);
    } else {
      at_ = std::to_chars(at_, at_ + 20, number).ptr;
    }
    return *this;
  }
  void AddTo(message::FieldList& fields, FieldId id) {
    const char* const value = name_ + name_size_ + 2;
    fields.Add({name_, name_size_}, {value, static_cast<std::size_t>(at_ - value)}, id, true);
    Put("\r\n");
  }

 private:
  const char* name_ = nullptr;
  std::size_t name_size_ = 0;
  char* at_;
};

constexpr std::uint64_t kMostGrpcTimeout = 99'999'999;  // eight digits

// "100m": at most eight digits and a unit (gRPC over HTTP/2). Zero: it is none.
Duration ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return Duration::zero();
  const auto count = static_cast<std::int64_t>(ParseNumber(text.substr(0, text.size() - 1)));
  switch (text.back()) {
    case 'H': return std::chrono::hours(std::min<std::int64_t>(count, 24 * 365));
    case 'M': return std::chrono::minutes(std::min<std::int64_t>(count, 60 * 24 * 365));
    case 'S': return std::chrono::seconds(std::max<std::int64_t>(count, 0));
    case 'm': return std::chrono::milliseconds(count);
    case 'u': return std::chrono::microseconds(count);
    case 'n': return std::chrono::nanoseconds(count);
    default: return Duration::zero();
  }
}

constexpr std::uint64_t kReplacedFields = message::kOurFields | message::FieldBit(FieldId::kXRequestId) |
                                          message::FieldBit(FieldId::kXForwardedFor);

std::uint64_t Milliseconds(Duration span) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

}  // namespace

// The earliest counts. Zero: none was said.
void Exchange::JoinDeadline(Duration left) {
  if (left <= Duration::zero()) return;
  const Deadline said(env_.io.loop.now() + left);
  if (said < origin_.caller_deadline) origin_.caller_deadline = said;
}

// A response in which the code comes at once has no messages, and may be tried again.
void Exchange::ReadGrpcStatus(const message::FieldList& fields) {
  const Field* field = fields.Find(FieldId::kGrpcStatus);
  if (field != nullptr) grpc_status_ = static_cast<std::int8_t>(answer::ParseGrpcStatus(field->value));
}

// What the attempt's outcome means to breaker and instance.
std::uint16_t Exchange::EffectiveStatus() const {
  return status_ == 200 && grpc_status_ > 0 ? answer::HttpOfGrpc(grpc_status_) : status_;
}

// What callers and their agents say in fields of ours; the request id, if there is one.
std::string_view Exchange::ReadMeshFields(const message::FieldList& fields) {
  constexpr std::uint64_t kMostMilliseconds = 24ULL * 3600 * 1000;
  constexpr std::uint64_t kRead = message::kOurFields | message::FieldBit(FieldId::kXRequestId) |
                                  message::FieldBit(FieldId::kGrpcTimeout);
  if ((fields.ids() & kRead) == 0) return {};
  std::string_view id;
  for (const Field& field : fields) {
    switch (field.id) {
      case FieldId::kXRequestId: id = field.value; break;
      case FieldId::kWeftDeadlineMs: {
        const std::uint64_t left = std::min(ParseNumber(field.value), kMostMilliseconds);
        JoinDeadline(std::chrono::milliseconds(left));
        break;
      }
      case FieldId::kGrpcTimeout:
        JoinDeadline(grpc_ ? ParseGrpcTimeout(field.value) : Duration::zero());
        break;
      case FieldId::kWeftAttempt:
        origin_.caller_attempt =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(ParseNumber(field.value), 1000));
        caller_meshed_ = true;
        break;
      case FieldId::kWeftExplain: origin_.explain = origin_.direction == engine::Direction::kOutbound; break;
      default: break;
    }
  }
  return id;
}

// Takes over identity, deadline and attempt number. kOk, or why the request is refused.
Reason Exchange::ReadRequest(message::RequestHead& head) {
  if (const Field* type = head.fields.Find(FieldId::kContentType); type != nullptr)
    grpc_ = answer::IsGrpc(type->value);
  const std::string_view id = ReadMeshFields(head.fields);
  ++env_.requests;
  if (IsSafeRequestId(id)) {
    request_id_ = arena_.Copy(id);
  } else {
    made_id_ = MakeRequestId(env_.seed, env_.requests);
    request_id_ = {made_id_.data(), made_id_.size()};
  }
  call_.request_id = request_id_;
  call_.started = env_.io.loop.now();
  call_.origin = origin_;
  call_.method = head.method;
  const bool inbound = origin_.direction == engine::Direction::kInbound;
  const bool multiplexed = head.version == message::Version::kHttp2;
  // A stream between agents; its client spoke HTTP/1.1, and so is the application spoken to.
  if (multiplexed && inbound && head.fields.Find(FieldId::kWeftHttp) != nullptr)
    head.version = message::Version::kHttp11;
  if (head.method == message::Method::kConnect && inbound) return Reason::kUpgradeRefused;
  if (!head.upgrade) return Reason::kOk;
  // An extended CONNECT cannot become an ordinary request.
  return KeepUpgrade(head) && (!multiplexed || connection::AsksForWebSocket(std::span(head.fields)))
             ? Reason::kOk
             : Reason::kUpgradeRefused;
}

route::Decision Exchange::decision() const {
  return {route::Action::kForward, Reason::kOk,      call_.route, call_.rule,
          call_.backend_ref,       call_.match_index};
}

// The request as it goes on, by the filters of `chosen`. False: it does not fit.
bool Exchange::ComposeRequest(message::RequestHead& out, const route::Decision& chosen) {
  head_.LoadLine(out);
  if (out.authority.empty()) SetAuthority(out);
  const std::uint64_t replaced =
      kReplacedFields | (grpc_ && !call_.deadline.never() ? message::FieldBit(FieldId::kGrpcTimeout) : 0);
  if ((head_.ids & replaced) == 0) {
    out.fields.Assign(head_.fields, head_.ids);
  } else {
    out.fields.Clear();
    for (const Field& field : head_.fields) {
      if ((message::FieldBit(field.id) & replaced) == 0) out.fields.Add(field);
    }
  }
  AddMeshFields(out);
  if (chosen.rule != nullptr) {
    if (!route::ApplyRequestFilters(chosen, out)) return false;
    const auto target = route::RewriteTarget(chosen, out.target, env_.edit_target());
    if (!target) return false;
    out.target = *target;
    out.authority = route::RewriteAuthority(chosen, out.authority);
  }
  return !out.fields.full();
}

// As this attempt sends it. False: it does not fit, and nothing was sent.
bool Exchange::WriteRequest(upstream::Attempt& attempt, const engine::Target& target) {
  if (!ComposeRequest(env_.outgoing, decision())) return false;
  // On a connection of HTTP/2 its agent could not tell any more what the application is to be spoken to in.
  if (target.multiplexed && head_.version != message::Version::kHttp2)
    env_.outgoing.fields.Add(FieldId::kWeftHttp, "1.1");
  if (head_.upgrade && head_.version == message::Version::kHttp2 && !attempt.multiplexed())
    return SendWebSocket();
  return attempt.SendHead(env_.outgoing, body_);
}

// HTTP/1.0 may leave Host out, HTTP/1.1 servers refuse an empty one: the service is meant.
void Exchange::SetAuthority(message::RequestHead& head) const {
  head.authority = call_.backend->key.service.name;
}

// RFC 9110 10.2.3, of answers that ask to come again: seconds, or a date, which counts from the answer's own
// Date so that no clock but its own matters; without one it is as good as none.
Duration Exchange::RetryAfterOf(const message::ResponseHead& head) {
  constexpr std::uint64_t kMostSeconds = 24 * 3600;
  if (head.status != 503 && head.status != 429) return Duration::zero();
  const Field* field = head.fields.Find(FieldId::kRetryAfter);
  if (field == nullptr) return Duration::zero();
  const auto until = ParseHttpDate(field->value);
  if (!until) return std::chrono::seconds(std::min(ParseNumber(field->value), kMostSeconds));
  const Field* date = head.fields.Find(FieldId::kDate);
  const auto from = date == nullptr ? std::nullopt : ParseHttpDate(date->value);
  if (!from || *until <= *from) return Duration::zero();
  return std::min<Duration>(*until - *from, std::chrono::seconds(kMostSeconds));
}

void Exchange::AddMeshFields(message::RequestHead& head) {
  Composer composer(env_.edit_fields());
  if (!head.fields.Find(FieldId::kXForwardedProto))
    composer.Name("x-forwarded-proto: ").Put(head.scheme).AddTo(head.fields, FieldId::kXForwardedProto);
  composer.Name("x-request-id: ").Put(request_id_).AddTo(head.fields, FieldId::kXRequestId);
  composer.Name("x-forwarded-for: ");
  if ((head_.ids & message::FieldBit(FieldId::kXForwardedFor)) != 0) {
    for (const Field& field : head_.fields) {
      if (field.id == FieldId::kXForwardedFor) composer.Put(field.value).Put(", ");
    }
  }
  composer.Put(env_.TextOf(origin_.peer.ip)).AddTo(head.fields, FieldId::kXForwardedFor);
  if (!call_.deadline.never()) {
    const std::uint64_t left = Milliseconds(call_.deadline.Remaining(env_.io.loop.now()));
    composer.Name("x-weft-deadline-ms: ").Put(left > 1 ? left - 1 : 1);
    composer.AddTo(head.fields, FieldId::kWeftDeadlineMs);
    if (grpc_) {
      composer.Name("grpc-timeout: ").Put(std::clamp<std::uint64_t>(left, 2, kMostGrpcTimeout) - 1).Put("m");
      composer.AddTo(head.fields, FieldId::kGrpcTimeout);
    }
  }
  const std::uint32_t number = std::max({1U, call_.attempts, origin_.caller_attempt});
  composer.Name("x-weft-attempt: ").Put(std::uint64_t{number}).AddTo(head.fields, FieldId::kWeftAttempt);
}

// "in_flight=3, latency_us=1200" and perhaps ", limit=64", as EditResponse writes it; anything else says
// nothing.
engine::SaidLoad ParseLoad(std::string_view text) {
  constexpr std::string_view kFirst = "in_flight=", kSecond = ", latency_us=", kThird = ", limit=";
  constexpr std::uint64_t kMost = 1'000'000'000;
  const std::size_t comma = text.find(kSecond);
  if (!text.starts_with(kFirst) || comma == std::string_view::npos) return {};
  const std::uint64_t in_flight = ParseNumber(text.substr(kFirst.size(), comma - kFirst.size()));
  text.remove_prefix(comma + kSecond.size());
  const std::size_t third = text.find(kThird);
  const std::uint64_t micros = ParseNumber(text.substr(0, third));
  const std::uint64_t limit =
      third == std::string_view::npos ? 0 : ParseNumber(text.substr(third + kThird.size()));
  if (in_flight > kMost || micros > kMost || limit > kMost) return {};
  return {true, static_cast<std::uint32_t>(in_flight), static_cast<std::uint32_t>(limit),
          std::chrono::microseconds(micros)};
}

// What the instance's agent says of itself; also on an answer that will not be forwarded.
void Exchange::ReadMarks(const message::ResponseHead& head) {
  target_meshed_ = call_.target != nullptr && call_.target->meshed;
  if (!target_meshed_ || !head.fields.MayHaveOurs()) return;
  if (const Field* load = head.fields.Find(FieldId::kWeftLoad); load != nullptr)
    load_ = ParseLoad(load->value);
  if (head.fields.Find(FieldId::kWeftDrain) != nullptr) env_.engine.MarkDraining(*call_.target);
}

// Strips what is between agents, applies the rule's filters, adds our marks.
void Exchange::EditResponse(message::ResponseHead& head) {
  if (head.fields.MayHaveOurs()) {
    for (int id = static_cast<int>(FieldId::kWeftDeadlineMs); id < static_cast<int>(FieldId::kCount); ++id) {
      const bool stays =
          target_meshed_ && static_cast<FieldId>(id) == FieldId::kWeftReason;  // the callee's agent refused
      if (!stays) head.fields.Remove(static_cast<FieldId>(id));
    }
  }
  if (call_.rule != nullptr) route::ApplyResponseFilters(decision(), head);
  if (origin_.direction == engine::Direction::kInbound && caller_meshed_) {
    Composer composer(env_.edit_fields());
    const engine::Load load = env_.engine.LoadOf(*call_.backend);
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(load.latency).count();
    composer.Name("x-weft-load: ").Put("in_flight=").Put(std::uint64_t{load.in_flight});
    composer.Put(", latency_us=").Put(static_cast<std::uint64_t>(micros));
    if (load.limit > 0) composer.Put(", limit=").Put(std::uint64_t{load.limit});
    composer.AddTo(head.fields, FieldId::kWeftLoad);
    if (env_.draining) head.fields.Add(FieldId::kWeftDrain, "1");
  }
}

}  // namespace weft::exchange
