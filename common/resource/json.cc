#include <cctype>

#include "common/resource/text.h"
#include "common/resource/utf8.h"

namespace weft::resource {
namespace {

// RFC 8259, with places. Our own because the parsers at hand give no line for a value and keep duplicate
// keys.
class JsonParser {
 public:
  JsonParser(std::string_view text, std::uint32_t first_line, Problems& problems)
      : text_(text), line_(first_line), problems_(problems) {}

  bool Parse(Node& out) {
    if (!Value(out, 0)) return false;
    SkipSpace();
    return at_ == text_.size() || Fail("something follows the end of the document");
  }

 private:
  bool Fail(std::string detail) {
    problems_.Add(Here(), {}, "not valid JSON: " + std::move(detail));
    return false;
  }
  Mark Here() const { return {line_, static_cast<std::uint32_t>(at_ - line_start_) + 1}; }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (Peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  void SkipSpace() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
    }
  }

  bool Value(Node& out, std::size_t depth) {
    SkipSpace();
    out.mark = Here();
    const char c = Peek();
    if ((c == '{' || c == '[') && depth >= kMaxDepth) {
      return Fail("more than " + std::to_string(kMaxDepth) + " levels of nesting");
    }
    if (c == '{') return Object(out, depth);
    if (c == '[') return Array(out, depth);
    if (c == '"') {
      out.kind = Node::Kind::kScalar;
      out.quoted = true;
      return String(out.text);
    }
    return Literal(out);
  }

  bool Object(Node& out, std::size_t depth) {
    out.kind = Node::Kind::kMap;
    ++at_;
    SkipSpace();
    if (Take('}')) return true;
    do {
      if (!Entry(out, depth)) return false;
      SkipSpace();
    } while (Take(','));
    return Take('}') || Fail("expected \",\" or \"}\"");
  }

  bool Entry(Node& out, std::size_t depth) {
    SkipSpace();
    Member member;
    member.mark = Here();
    if (Peek() != '"') return Fail("expected a key in double quotes");
    if (!String(member.key)) return false;
    if (out.members.size() >= kMaxKeys) return Fail("more than " + std::to_string(kMaxKeys) + " keys");
    if (out.Find(member.key) != nullptr) return Fail("key \"" + member.key + "\" stands twice");
    SkipSpace();
    if (!Take(':')) return Fail("expected \":\" after the key");
    out.members.push_back(std::move(member));
    return Value(out.members.back().value, depth + 1);
  }

  bool Array(Node& out, std::size_t depth) {
    out.kind = Node::Kind::kList;
    ++at_;
    SkipSpace();
    if (Take(']')) return true;
    do {
      if (!Value(out.items.emplace_back(), depth + 1)) return false;
      SkipSpace();
    } while (Take(','));
    return Take(']') || Fail("expected \",\" or \"]\"");
  }

  bool String(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return Fail("a control character must be escaped");
      ++at_;
      if (c != '\\') {
        out.push_back(c);
      } else if (!Escape(out)) {
        return false;
      }
    }
    return Fail("the string has no end");
  }

  bool Escape(std::string& out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    const char c = Peek();
    if (Take('u')) return UnicodeEscape(out);
    const std::size_t index = kNames.find(c);
    if (index == std::string_view::npos || c == '\0') return Fail("unknown escape");
    ++at_;
    out.push_back(kValues[index]);
    return true;
  }

  bool UnicodeEscape(std::string& out) {
    std::uint32_t unit = 0;
    if (!Hex4(unit)) return false;
    if (unit >= 0xDC00 && unit < 0xE000) return Fail("half of a surrogate pair");
    if (unit >= 0xD800 && unit < 0xDC00) {
      std::uint32_t low = 0;
      if (!Take('\\') || !Take('u')) return Fail("half of a surrogate pair");
      if (!Hex4(low)) return false;
      if (low < 0xDC00 || low >= 0xE000) return Fail("half of a surrogate pair");
      unit = 0x10000 + ((unit - 0xD800) << 10U) + (low - 0xDC00);
    }
    AppendUtf8(unit, out);
    return true;
  }

  bool Hex4(std::uint32_t& out) {
    for (int i = 0; i < 4; ++i, ++at_) {
      const auto c = static_cast<unsigned char>(Peek());
      if (std::isxdigit(c) == 0) return Fail("expected four hexadecimal digits after \\u");
      const auto lower = static_cast<std::uint32_t>(c | 0x20U);
      out = out * 16 + (lower >= 'a' ? lower - 'a' + 10 : lower - '0');
    }
    return true;
  }

  bool Literal(Node& out) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  std::string_view("+-.").find(text_[at_]) != std::string_view::npos)) {
      ++at_;
    }
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == "null") return true;
    if (word != "true" && word != "false" && !IsNumber(word)) {
      at_ = begin;
      return Fail("expected a value");
    }
    out.kind = Node::Kind::kScalar;
    out.text = word;
    return true;
  }

  static std::size_t Digits(std::string_view text, std::size_t at) {
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at;
  }

  static bool IsNumber(std::string_view text) {
    std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
    const std::size_t whole = Digits(text, at);
    if (whole == at || (text[at] == '0' && whole > at + 1)) return false;
    at = whole;
    if (at < text.size() && text[at] == '.') {
      const std::size_t end = Digits(text, at + 1);
      if (end == at + 1) return false;
      at = end;
    }
    if (at < text.size() && (text[at] | 0x20) == 'e') {
      ++at;
      if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
      const std::size_t end = Digits(text, at);
      if (end == at) return false;
      at = end;
    }
    return at == text.size();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_;
  Problems& problems_;
};

}  // namespace

bool ParseJson(std::string_view text, std::uint32_t first_line, Node& out, Problems& problems) {
  return JsonParser(text, first_line, problems).Parse(out);
}

}  // namespace weft::resource
