#include "common/wire/check.h"

#include "common/net/key.h"

namespace weft::wire {
namespace {

constexpr std::int64_t kLongest =
    std::int64_t{100} * 365 * 86400 * 1'000'000'000;  // a century: sums never overflow

bool IsTokenCharacter(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsControl(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

bool IsHostCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
}

}  // namespace

std::string Path::Text() const {
  std::string text = up_ ? up_->Text() : std::string();
  if (!text.empty() && !name_.empty()) text += '.';
  text += name_;
  if (index_ >= 0) text += "[" + std::to_string(index_) + "]";
  return text;
}

void Check::Fail(const Path& at, std::string detail) {
  if (!error_) error_ = Invalid(std::move(detail), at.Text());
}

Duration Check::Span(const Path& at, std::string_view field, std::int64_t ns, bool zero_allowed) {
  if (ns < 0 || ns > kLongest) Fail(Path(at, field), "must be between 0 and 100 years, in nanoseconds");
  if (ns == 0 && !zero_allowed) Fail(Path(at, field), "must be above 0");
  return Duration(ns);
}

std::uint16_t Check::Port(const Path& at, std::string_view field, std::uint32_t port, bool zero_allowed) {
  if (port > 65535 || (port == 0 && !zero_allowed)) {
    Fail(Path(at, field), std::to_string(port) + " is no port: it must be between 1 and 65535");
  }
  return static_cast<std::uint16_t>(port);
}

std::uint32_t Check::Count(const Path& at, std::string_view field, std::uint32_t n, std::uint32_t low,
                           std::uint32_t high) {
  if (n < low || n > high) {
    Fail(Path(at, field), "must be between " + std::to_string(low) + " and " + std::to_string(high) +
                              ", not " + std::to_string(n));
  }
  return n;
}

double Check::Number(const Path& at, std::string_view field, double n, double low, double high) {
  if (!(n >= low && n <= high)) Fail(Path(at, field), "is out of range");  // NaN too
  return n;
}

std::string Check::Label(const Path& at, std::string_view field, const std::string& text) {
  if (!IsDnsLabel(text)) {
    Fail(Path(at, field), "must be 1 to 63 lower-case letters, digits and '-', with no '-' at either end");
  }
  return text;
}

std::string Check::Token(const Path& at, std::string_view field, const std::string& text) {
  if (text.empty() || text.size() > 256 || !std::all_of(text.begin(), text.end(), IsTokenCharacter)) {
    Fail(Path(at, field), "must be 1 to 256 characters of an HTTP token");
  }
  return text;
}

std::string Check::Text(const Path& at, std::string_view field, const std::string& text, std::size_t most) {
  if (text.size() > most) Fail(Path(at, field), "is longer than " + std::to_string(most) + " bytes");
  if (std::any_of(text.begin(), text.end(), IsControl)) Fail(Path(at, field), "contains a control character");
  return text;
}

std::string Check::Required(const Path& at, std::string_view field, const std::string& text,
                            std::size_t most) {
  if (text.empty()) Fail(Path(at, field), "is required");
  return Text(at, field, text, most);
}

std::string Check::Host(const Path& at, std::string_view field, const std::string& text, bool wildcard) {
  std::string_view rest = text;
  if (wildcard && rest.starts_with("*.")) {
    rest.remove_prefix(2);
    if (rest.empty()) Fail(Path(at, field), "needs a name after the wildcard");
  }
  if (text.size() > 253 || !std::all_of(rest.begin(), rest.end(), IsHostCharacter)) {
    Fail(Path(at, field), "must be a lower-case host name");
  }
  return text;
}

}  // namespace weft::wire
