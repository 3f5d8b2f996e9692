// What each hop reads, adds and removes (docs/life-of-a-request.md has the table).

#include <algorithm>
#include <charconv>

#include "agent/exchange/exchange.h"

namespace weft::exchange {
namespace {

using message::Field;
using message::FieldId;

bool IsOurs(FieldId id) { return id >= FieldId::kWeftDeadlineMs && id < FieldId::kCount; }

std::uint64_t ParseNumber(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

// Where values that must be composed are written, one behind the other.
class Composer {
 public:
  explicit Composer(std::span<char> out) : at_(out.data()), end_(out.data() + out.size()) {}
  // Begins a value.
  Composer& Begin() {
    begin_ = at_;
    return *this;
  }
  Composer& Put(std::string_view text) {
    const std::size_t fits = std::min(text.size(), static_cast<std::size_t>(end_ - at_));
    std::memcpy(at_, text.data(), fits);
    at_ += fits;
    return *this;
  }
  Composer& Put(std::uint64_t number) {
    at_ = std::to_chars(at_, end_, number).ptr;
    return *this;
  }
  std::string_view End() const { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }
  std::span<char> Rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }

 private:
  char* begin_ = nullptr;
  char* at_;
  char* end_;
};

std::uint64_t Milliseconds(Duration span) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

}  // namespace

// Takes over identity, deadline and attempt number. kOk, or why the request is refused.
Reason Exchange::ReadRequest(message::RequestHead& head) {
  constexpr std::uint64_t kMostMilliseconds = 24ULL * 3600 * 1000;
  const TimePoint now = env_.io.loop.now();
  std::string_view id, upgrade;
  bool asks_upgrade = false;
  for (const Field& field : head.fields) {
    switch (field.id) {
      case FieldId::kXRequestId: id = field.value; break;
      case FieldId::kWeftDeadlineMs: {
        const std::uint64_t left = std::min(ParseNumber(field.value), kMostMilliseconds);
        if (left > 0) origin_.caller_deadline = Deadline(now + std::chrono::milliseconds(left));
        break;
      }
      case FieldId::kWeftAttempt:
        origin_.caller_attempt =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(ParseNumber(field.value), 1000));
        caller_meshed_ = true;
        break;
      case FieldId::kWeftExplain: origin_.explain = origin_.direction == engine::Direction::kOutbound; break;
      case FieldId::kUpgrade: upgrade = field.value; break;
      case FieldId::kConnection: asks_upgrade |= message::HasToken(field.value, "upgrade"); break;
      default: break;
    }
  }
  ++env_.requests;
  if (IsSafeRequestId(id)) {
    request_id_ = arena_.Copy(id);
  } else {
    made_id_ = MakeRequestId(env_.seed, env_.requests);
    request_id_ = {made_id_.data(), made_id_.size()};
  }
  call_.request_id = request_id_;
  call_.started = now;
  call_.origin = origin_;
  call_.method = head.method;
  const bool inbound = origin_.direction == engine::Direction::kInbound;
  if (head.method == message::Method::kConnect && inbound) return Reason::kUpgradeRefused;
  // A server may ignore an offer of HTTP/2; a request for another protocol makes no sense without it.
  if (asks_upgrade && !upgrade.empty() && !message::EqualsIgnoreCase(upgrade, "h2c"))
    return Reason::kUpgradeRefused;
  return Reason::kOk;
}

route::Decision Exchange::decision() const {
  return {route::Action::kForward, Reason::kOk,      call_.route, call_.rule,
          call_.backend_ref,       call_.match_index};
}

// The request as it goes on, by the filters of `chosen`. False: it does not fit.
bool Exchange::ComposeRequest(message::RequestHead& out, const route::Decision& chosen) {
  head_.LoadLine(out);
  if (out.authority.empty()) SetAuthority(out);
  out.fields.Clear();
  bool has_proto = false;
  for (const Field& field : head_.fields) {
    if (IsOurs(field.id) || field.id == FieldId::kXRequestId || field.id == FieldId::kXForwardedFor) continue;
    has_proto |= field.id == FieldId::kXForwardedProto;
    out.fields.Add(field);
  }
  if (!has_proto) out.fields.Add(FieldId::kXForwardedProto, out.scheme);
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
bool Exchange::WriteRequest() {
  return ComposeRequest(env_.outgoing, decision()) && attempt_.SendHead(env_.outgoing, body_);
}

// HTTP/1.0 may leave Host out, HTTP/1.1 servers refuse an empty one: the service is meant.
void Exchange::SetAuthority(message::RequestHead& head) const {
  head.authority = call_.backend->key.service.name;
}

// RFC 9110 10.2.3 in seconds, of answers that ask to come again; a date is as good as none.
Duration Exchange::RetryAfterOf(const message::ResponseHead& head) {
  constexpr std::uint64_t kMostSeconds = 24 * 3600;
  if (head.status != 503 && head.status != 429) return Duration::zero();
  const Field* field = head.fields.Find(FieldId::kRetryAfter);
  if (field == nullptr) return Duration::zero();
  return std::chrono::seconds(std::min(ParseNumber(field->value), kMostSeconds));
}

void Exchange::AddMeshFields(message::RequestHead& head) {
  Composer composer(env_.edit_fields());
  head.fields.Add(FieldId::kXRequestId, request_id_);
  composer.Begin();
  for (const Field& field : head_.fields) {
    if (field.id == FieldId::kXForwardedFor) composer.Put(field.value).Put(", ");
  }
  head.fields.Add(FieldId::kXForwardedFor, composer.Put(env_.TextOf(origin_.peer.ip)).End());
  if (!call_.deadline.never()) {
    const std::uint64_t left = Milliseconds(call_.deadline.Remaining(env_.io.loop.now()));
    head.fields.Add(FieldId::kWeftDeadlineMs, composer.Begin().Put(left > 1 ? left - 1 : 1).End());
  }
  const std::uint32_t number = std::max({1U, call_.attempts, origin_.caller_attempt});
  head.fields.Add(FieldId::kWeftAttempt, composer.Begin().Put(number).End());
}

// What the instance's agent says of itself; also on an answer that will not be forwarded.
void Exchange::ReadMarks(const message::ResponseHead& head) {
  target_meshed_ = call_.target != nullptr && call_.target->meshed;
  if (target_meshed_ && head.fields.Find(FieldId::kWeftDrain) != nullptr)
    env_.engine.MarkDraining(*call_.target);
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
    composer.Begin().Put("in_flight=").Put(std::uint64_t{load.in_flight});
    composer.Put(", latency_us=").Put(static_cast<std::uint64_t>(micros));
    head.fields.Add(FieldId::kWeftLoad, composer.End());
    if (env_.draining) head.fields.Add(FieldId::kWeftDrain, "1");
  }
}

}  // namespace weft::exchange
