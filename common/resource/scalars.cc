#include <charconv>
#include <cmath>

#include "common/net/key.h"
#include "common/resource/reader.h"

namespace weft::resource {
namespace {

// The text of a scalar that is to be read as `what`, or none and a problem.
const std::string* ScalarText(const Value& value, std::string_view what) {
  if (value.node().is_scalar()) return &value.node().text;
  value.Fail("must be " + std::string(what));
  return nullptr;
}

std::string Quote(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string quoted = "\"" + std::string(text.substr(0, kShown));
  return quoted + (text.size() > kShown ? "…\"" : "\"");
}

void Note(const Value& value, Node::Type type, std::string text) {
  value.node().type = type;
  value.node().text = std::move(text);
}

bool ParseWhole(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  const bool leading_zero = text.starts_with("-0") || (text.size() > 1 && text[0] == '0');
  return error == std::errc() && end == text.data() + text.size() && !leading_zero;
}

std::string ShortestNumber(double number) {
  std::array<char, 40> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return std::string(buffer.data(), result.ptr);
}

struct Unit {
  std::string_view name;
  Duration length;
};
// "ms" before "m" and "s".
constexpr std::array<Unit, 4> kUnits = {{{"ms", std::chrono::milliseconds(1)},
                                         {"h", std::chrono::hours(1)},
                                         {"m", std::chrono::minutes(1)},
                                         {"s", std::chrono::seconds(1)}}};

// One "90s" from the front of `text`; false: none there.
bool TakeDurationPart(std::string_view& text, Duration& sum) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > 5) return false;
  std::int64_t count = 0;
  std::from_chars(text.data(), text.data() + digits, count);
  text.remove_prefix(digits);
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    sum += count * unit.length;
    return true;
  }
  return false;
}

}  // namespace

Result<Duration> ParseDuration(std::string_view text) {
  if (text == "0") return Duration::zero();
  std::string_view rest = text;
  Duration sum = Duration::zero();
  int parts = 0;
  while (!rest.empty() && parts < 4 && TakeDurationPart(rest, sum)) ++parts;
  if (parts > 0 && rest.empty()) return sum;
  return Invalid(Quote(text) +
                 " is no duration: write up to four numbers of at most five digits, each with a unit "
                 "h, m, s or ms, for example 500ms or 1h30m");
}

std::string ToString(Duration duration) {
  std::string text;
  for (const std::size_t i : {1U, 2U, 3U, 0U}) {
    const auto count = duration / kUnits[i].length;
    if (count == 0) continue;
    text.append(std::to_string(count)).append(kUnits[i].name);
    duration -= count * kUnits[i].length;
  }
  return text.empty() ? "0s" : text;
}

Result<ByteSize> ParseByteSize(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, unsigned>, 4> kSuffixes = {
      {{"KiB", 10U}, {"MiB", 20U}, {"GiB", 30U}, {"", 0U}}};
  for (const auto& [suffix, shift] : kSuffixes) {
    std::int64_t count = 0;
    if (!text.ends_with(suffix)) continue;
    if (!ParseWhole(text.substr(0, text.size() - suffix.size()), count) || count < 0 || count > (1LL << 32))
      break;
    return ByteSize{static_cast<std::uint64_t>(count) << shift};
  }
  return Invalid(Quote(text) +
                 " is no size: write bytes, or a number with KiB, MiB or GiB, for example 64KiB");
}

bool Read(const Value& value, bool& out) {
  const std::string* text = ScalarText(value, "true or false");
  if (text == nullptr) return false;
  if (*text != "true" && *text != "false")
    return value.Fail(Quote(*text) + " is no boolean: write true or false");
  out = *text == "true";
  Note(value, Node::Type::kBool, *text);
  return true;
}

bool ReadAnyText(const Value& value, std::string& out) {
  const std::string* text = ScalarText(value, "a text");
  if (text == nullptr) return false;
  value.node().type = Node::Type::kText;
  out = *text;
  return true;
}

bool Read(const Value& value, std::string& out) {
  std::string text;
  if (!ReadAnyText(value, text)) return false;
  const auto is_control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  };
  if (std::any_of(text.begin(), text.end(), is_control))
    return value.Fail("must be one line without control characters");
  if (text.size() > kMaxLine) return value.Fail("at most " + std::to_string(kMaxLine) + " characters");
  out = std::move(text);
  return true;
}

bool Read(const Value& value, std::int64_t& out, Bounds<std::int64_t> bounds) {
  const std::string* text = ScalarText(value, "a whole number");
  if (text == nullptr) return false;
  std::int64_t number = 0;
  if (!ParseWhole(*text, number)) {
    return value.Fail(Quote(*text) + " is no whole number: write decimal digits without leading zeros");
  }
  if (number < bounds.low || number > bounds.high) {
    return value.Fail(*text + " is out of range: write " + std::to_string(bounds.low) + " to " +
                      std::to_string(bounds.high));
  }
  out = number;
  Note(value, Node::Type::kNumber, std::to_string(number));
  return true;
}

bool Read(const Value& value, double& out, Bounds<double> bounds) {
  const std::string* text = ScalarText(value, "a number");
  if (text == nullptr) return false;
  double number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || !std::isfinite(number)) {
    return value.Fail(Quote(*text) + " is no number: write one such as 10 or 0.5");
  }
  if (number < bounds.low || number > bounds.high) {
    return value.Fail(*text + " is out of range: write " + ShortestNumber(bounds.low) + " to " +
                      ShortestNumber(bounds.high));
  }
  out = number == 0 ? 0 : number;  // no negative zero
  Note(value, Node::Type::kNumber, ShortestNumber(out));
  return true;
}

bool Read(const Value& value, Duration& out, Bounds<Duration> bounds) {
  const std::string* text = ScalarText(value, "a duration such as 500ms or 1h30m");
  if (text == nullptr) return false;
  const Result<Duration> parsed = ParseDuration(*text);
  if (parsed.has_error()) return value.Fail(parsed.error().detail);
  if (*parsed < bounds.low || *parsed > bounds.high) {
    const std::string high = bounds.high == Duration::max() ? " or more" : " to " + ToString(bounds.high);
    return value.Fail(*text + " is out of range: write " + ToString(bounds.low) + high);
  }
  out = *parsed;
  Note(value, Node::Type::kText, *text == "0" ? "0s" : *text);
  return true;
}

bool Read(const Value& value, ByteSize& out) {
  const std::string* text = ScalarText(value, "a size such as 64KiB");
  if (text == nullptr) return false;
  const Result<ByteSize> parsed = ParseByteSize(*text);
  if (parsed.has_error()) return value.Fail(parsed.error().detail);
  out = *parsed;
  return true;
}

bool Read(const Value& value, net::Address& out) {
  const std::string* text = ScalarText(value, "an address such as 127.0.0.1:80");
  if (text == nullptr) return false;
  const Result<net::Address> parsed = net::Address::Parse(*text);
  if (parsed.has_error()) {
    return value.Fail(Quote(*text) + " is no address: write IP:PORT, for example 127.0.0.1:80 or [::1]:80");
  }
  out = *parsed;
  return true;
}

bool Read(const Value& value, net::Ip& out) {
  const std::string* text = ScalarText(value, "an IP address");
  if (text == nullptr) return false;
  const Result<net::Ip> parsed = net::Ip::Parse(*text);
  if (parsed.has_error()) return value.Fail(Quote(*text) + " is no IP address (names are not resolved here)");
  out = *parsed;
  return true;
}

bool Read(const Value& value, std::vector<std::string>& out) {
  const std::size_t before = value.problems().count();
  std::vector<std::string> texts;
  value.Each([&](const Value& item) { Read(item, texts.emplace_back()); });
  if (value.problems().count() != before) return false;
  out = std::move(texts);
  return true;
}

bool Read(const Value& value, std::map<std::string, std::string>& out) {
  const std::size_t before = value.problems().count();
  std::map<std::string, std::string> texts;
  value.EachMember([&](const std::string& key, const Value& item) {
    if (key.empty() || key.size() > 317) item.Fail("its key must have 1 to 317 characters");
    Read(item, texts[key]);
  });
  if (value.problems().count() != before) return false;
  out = std::move(texts);
  return true;
}

bool ReadDnsLabel(const Value& value, std::string& out, std::string_view what) {
  std::string text;
  if (!Read(value, text)) return false;
  if (!IsDnsLabel(text)) {
    return value.Fail(Quote(text) + " is no " + std::string(what) +
                      ": write 1 to 63 lower-case letters, digits and '-', not '-' at an end");
  }
  out = std::move(text);
  return true;
}

int ReadChoice(const Value& value, std::span<const std::string_view> names, std::span<const bool> reserved) {
  std::string text;
  if (!Read(value, text)) return -1;
  std::string list;
  std::vector<std::string_view> usable;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text && !reserved[i]) return static_cast<int>(i);
    if (reserved[i]) continue;
    usable.push_back(names[i]);
    list.append(list.empty() ? "" : ", ").append(names[i]);
  }
  if (std::find(names.begin(), names.end(), text) != names.end()) {
    value.Fail(Quote(text) + " is reserved and not built in yet: write one of " + list,
               ErrorKind::kUnsupported);
    return -1;
  }
  const std::string_view close = Closest(text, usable);
  const std::string hint = close.empty() ? "" : " (did you mean " + Quote(close) + "?)";
  value.Fail(Quote(text) + " is not known here" + hint + ": write " + (usable.size() > 1 ? "one of " : "") +
             list);
  return -1;
}

}  // namespace weft::resource
