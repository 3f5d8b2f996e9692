#include <charconv>
#include <chrono>

#include "agent/report/access_log.h"

namespace weft::report {
namespace {

constexpr std::size_t kMostText = 256;  // of one value that a client chose

void AddNumber(std::string& out, std::uint64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void AddPadded(std::string& out, std::uint64_t number, std::size_t width) {
  char digits[24];
  const auto size =
      static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits);
  if (size < width) out.append(width - size, '0');
  out.append(digits, size);
}

// Milliseconds with three decimals.
void AddMillis(std::string& out, Duration span) {
  const auto micros = static_cast<std::uint64_t>(span.count() < 0 ? 0 : span.count() / 1000);
  AddNumber(out, micros / 1000);
  out += '.';
  AddPadded(out, micros % 1000, 3);
}

// RFC 3339 in UTC with milliseconds.
void AddTime(std::string& out, std::int64_t wall_nanos) {
  using std::chrono::days;
  const std::chrono::sys_time<std::chrono::milliseconds> at(
      std::chrono::milliseconds(wall_nanos / 1'000'000));
  const auto day = std::chrono::floor<days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  AddPadded(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out += '-';
  AddPadded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  AddPadded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  AddPadded(out, static_cast<std::uint64_t>(time.hours().count()), 2);
  out += ':';
  AddPadded(out, static_cast<std::uint64_t>(time.minutes().count()), 2);
  out += ':';
  AddPadded(out, static_cast<std::uint64_t>(time.seconds().count()), 2);
  out += '.';
  AddPadded(out, static_cast<std::uint64_t>(time.subseconds().count()), 3);
  out += 'Z';
}

// Between quotes, cut after kMostText bytes. Everything but printable ASCII is escaped, so a line stays a
// line and valid UTF-8 whatever the client sent.
void AddQuoted(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text.substr(0, kMostText)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }

// What both forms show.
struct Line {
  const RequestReport& report;
  const engine::Call& call;
  std::string service, peer;
  std::string_view instance;
  std::uint64_t revision = 0;
  int status = 0;  // 499 for a client that went away before an answer

  explicit Line(const RequestReport& r)
      : report(r), call(*r.call), peer(call.origin.peer.ToString()), status(r.status) {
    if (call.backend != nullptr) {
      service = call.backend->key_text;
    } else if (call.service != nullptr) {
      service = BackendKey{call.service->bundle->key, call.service_port}.ToString();
    }
    const std::size_t last = std::min<std::size_t>(call.attempts, call.log.size());
    const engine::Target* target = last == 0 ? nullptr : call.log[last - 1].target;
    if (target != nullptr && target->instance != nullptr) instance = target->instance->id;
    if (call.generation != nullptr) revision = call.generation->revision;
    if (status == 0 && r.reason == Reason::kClientClosed) status = 499;
  }
  Duration took() const { return report.ended - call.started; }
  Duration first_byte() const {
    return report.first_byte == TimePoint() ? Duration::zero() : report.first_byte - call.started;
  }
};

}  // namespace

void FormatText(const RequestReport& report, std::string_view route, Classification classification,
                Duration offset, std::string& out) {
  const Line line(report);
  const auto add = [&out](std::string_view key, std::string_view value) {
    out.append(" ").append(key).append("=").append(value.empty() ? "-" : value);
  };
  const auto number = [&](std::string_view key, std::uint64_t value) {
    out.append(" ").append(key).append("=");
    AddNumber(out, value);
  };
  AddTime(out, Nanos(report.ended) + offset.count());
  out.append(" ").append(ToString(line.call.origin.direction)).append(" ");
  AddNumber(out, static_cast<std::uint64_t>(line.status));
  out.append(" ").append(weft::ToString(report.reason)).append(" ");
  AddQuoted(out, report.method_text);
  out += ' ';
  AddQuoted(out, report.authority);
  out += ' ';
  AddQuoted(out, PathOf(report.target));
  out += " took_ms=";
  AddMillis(out, line.took());
  out += " first_byte_ms=";
  AddMillis(out, line.first_byte());
  add("service", line.service);
  add("route", route);
  add("instance", line.instance);
  number("attempts", line.call.attempts);
  number("in", report.request_bytes);
  number("out", report.response_bytes);
  number("revision", line.revision);
  add("class", ToString(classification));
  add("peer", line.peer);
  if (line.call.origin.caller != nullptr) add("caller", line.call.origin.caller->identity);
  out += " id=";
  AddQuoted(out, report.request_id);
  out += '\n';
}

void FormatJson(const RequestReport& report, std::string_view route, Classification classification,
                Duration offset, std::string& out) {
  const Line line(report);
  const auto key = [&out](std::string_view name) { out.append(",\"").append(name).append("\":"); };
  const auto text = [&](std::string_view name, std::string_view value) {
    key(name);
    AddQuoted(out, value);
  };
  const auto number = [&](std::string_view name, std::uint64_t value) {
    key(name);
    AddNumber(out, value);
  };
  out += "{\"time\":\"";
  AddTime(out, Nanos(report.ended) + offset.count());
  out += '"';
  text("direction", ToString(line.call.origin.direction));
  number("status", static_cast<std::uint64_t>(line.status));
  text("reason", weft::ToString(report.reason));
  text("method", report.method_text);
  text("authority", report.authority);
  text("path", PathOf(report.target));
  key("took_ms");
  AddMillis(out, line.took());
  key("first_byte_ms");
  AddMillis(out, line.first_byte());
  text("service", line.service);
  text("route", route);
  text("instance", line.instance);
  number("attempts", line.call.attempts);
  number("request_bytes", report.request_bytes);
  number("response_bytes", report.response_bytes);
  number("revision", line.revision);
  text("class", ToString(classification));
  text("peer", line.peer);
  if (line.call.origin.caller != nullptr) text("caller", line.call.origin.caller->identity);
  if (report.grpc_status >= 0) number("grpc_status", static_cast<std::uint64_t>(report.grpc_status));
  text("request_id", report.request_id);
  out += "}\n";
}

}  // namespace weft::report
