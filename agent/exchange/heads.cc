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

// Writes fields that must be composed, one line behind the other, and adds them to a list.
class Composer {
 public:
  explicit Composer(std::span<char> out) : at_(out.data()), end_(out.data() + out.size()) {}
  // Begins a field; `name` with its colon and space.
  template <std::size_t N>
  Composer& Name(const char (&name)[N]) {
    name_ = at_;
    Put(name);
    value_ = at_;
    return *this;
  }
  template <std::size_t N>
  Composer& Put(const char (&text)[N]) {
    return PutBytes(text, N - 1);
  }
  Composer& Put(std::string_view text) { return PutBytes(text.data(), text.size()); }
  Composer& Put(std::uint64_t number) {
    const auto [end, error] = std::to_chars(at_, end_, number);
    full_ |= error != std::errc();
    at_ = end;
    return *this;
  }
  void AddTo(message::FieldList& fields, FieldId id) {
    const std::string_view name(name_, static_cast<std::size_t>(value_ - name_) - 2);
    const std::string_view value(value_, static_cast<std::size_t>(at_ - value_));
    Put("\r\n");
    fields.Add(full_ ? message::FieldName(id) : name, full_ ? std::string_view() : value, id, !full_);
  }

 private:
  Composer& PutBytes(const char* text, std::size_t size) {
    full_ |= size > static_cast<std::size_t>(end_ - at_);
    if (full_) return *this;
    std::memcpy(at_, text, size);
    at_ += size;
    return *this;
  }

  const char *name_ = nullptr, *value_ = nullptr;
  char *at_, *end_;
  bool full_ = false;  // larger than any head can be
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
  constexpr std::uint64_t kReplaced = message::kOurFields | message::FieldBit(FieldId::kXRequestId) |
                                      message::FieldBit(FieldId::kXForwardedFor);
  if ((head_.ids & kReplaced) == 0) {
    out.fields.Assign(head_.fields, head_.ids);
  } else {
    out.fields.Clear();
    for (const Field& field : head_.fields) {
      if ((message::FieldBit(field.id) & kReplaced) == 0) out.fields.Add(field);
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
  }
  const std::uint32_t number = std::max({1U, call_.attempts, origin_.caller_attempt});
  composer.Name("x-weft-attempt: ").Put(std::uint64_t{number}).AddTo(head.fields, FieldId::kWeftAttempt);
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
    composer.Name("x-weft-load: ").Put("in_flight=").Put(std::uint64_t{load.in_flight});
    composer.Put(", latency_us=").Put(static_cast<std::uint64_t>(micros));
    composer.AddTo(head.fields, FieldId::kWeftLoad);
    if (env_.draining) head.fields.Add(FieldId::kWeftDrain, "1");
  }
}

}  // namespace weft::exchange
