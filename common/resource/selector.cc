#include "common/resource/selector.h"

#include <algorithm>

namespace weft::resource {
namespace {

constexpr std::size_t kLongestSelector = 4096, kLongestKey = 317, kLongestLabelValue = 63;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsLabelChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.';
}

// One pass over a label selector; each function takes what it names.
class LabelReader {
 public:
  explicit LabelReader(std::string_view text) : rest_(text) {}

  Result<std::vector<Selector::Term>> Read() {
    std::vector<Selector::Term> terms;
    for (SkipBlanks(); !rest_.empty(); SkipBlanks()) {
      if (!terms.empty() && !Take(','))
        return Invalid("expected ',' before '" + std::string(rest_.substr(0, 40)) + "'");
      auto term = ReadTerm();
      if (!term) return term.error();
      terms.push_back(std::move(*term));
    }
    return terms;
  }

 private:
  Result<Selector::Term> ReadTerm() {
    SkipBlanks();
    const std::string_view begin = rest_;
    Selector::Term term;
    const bool absent = Take('!');
    term.key = Word(true);
    if (term.key.empty() || term.key.size() > kLongestKey)
      return Invalid(
          "'" + std::string(begin.substr(0, 40)) +
          "' does not begin with a label; write key=value, key!=value, key in (a,b), key notin (a,b), "
          "key or !key");
    SkipBlanks();
    if (absent || rest_.empty() || rest_.front() == ',') {
      term.op = absent ? Selector::Op::kAbsent : Selector::Op::kExists;
      return term;
    }
    if (rest_.front() == '=' || rest_.front() == '!') return ReadEquality(std::move(term));
    return ReadSet(std::move(term));
  }

  Result<Selector::Term> ReadEquality(Selector::Term term) {
    term.op = Take('!') ? Selector::Op::kNotIn : Selector::Op::kIn;
    if (!Take('=')) return Invalid("after '" + term.key + "!' comes '='");
    if (term.op == Selector::Op::kIn) Take('=');  // == is =
    SkipBlanks();
    auto value = Value();
    if (!value) return value.error();
    term.values.push_back(std::move(*value));
    return term;
  }

  Result<Selector::Term> ReadSet(Selector::Term term) {
    const std::string word = Word(false);
    if (word != "in" && word != "notin")
      return Invalid("after '" + term.key + "' comes =, ==, !=, in (…) or notin (…), not '" +
                     std::string(word.empty() ? rest_.substr(0, 20) : word) + "'");
    term.op = word == "in" ? Selector::Op::kIn : Selector::Op::kNotIn;
    SkipBlanks();
    if (!Take('(')) return Invalid("after '" + term.key + " " + word + "' comes '('");
    do {
      SkipBlanks();
      auto value = Value();
      if (!value) return value.error();
      term.values.push_back(std::move(*value));
      SkipBlanks();
    } while (Take(','));
    if (!Take(')')) return Invalid("the values of '" + term.key + "' need a ')'");
    return term;
  }

  Result<std::string> Value() {
    std::string value = Word(false);
    if (value.size() <= kLongestLabelValue) return value;
    return Invalid("'" + value.substr(0, 40) + "…' is longer than a label's 63 characters");
  }

  std::string Word(bool slash) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(),
                                      [&](char c) { return IsLabelChar(c) || (slash && c == '/'); });
    std::string word(rest_.begin(), end);
    rest_.remove_prefix(word.size());
    return word;
  }

  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void SkipBlanks() {
    while (!rest_.empty() && IsBlank(rest_.front())) rest_.remove_prefix(1);
  }

  std::string_view rest_;
};

// Up to the next comma that no backslash escapes.
std::string_view TakeFieldTerm(std::string_view& rest) {
  std::size_t end = 0;
  while (end < rest.size() && rest[end] != ',') end += rest[end] == '\\' && end + 1 < rest.size() ? 2 : 1;
  const std::string_view term = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return term;
}

Result<std::string> Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '=') return Invalid("the '=' in '" + std::string(text) + "' needs a backslash before it");
    if (text[i] == '\\') {
      const bool known =
          i + 1 < text.size() && (text[i + 1] == '\\' || text[i + 1] == ',' || text[i + 1] == '=');
      if (!known)
        return Invalid("a backslash in '" + std::string(text) + "' escapes only ',', '=' and itself");
      ++i;
    }
    out.push_back(text[i]);
  }
  return out;
}

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == ',' || c == '=') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

Result<Selector::Term> ReadFieldTerm(std::string_view text, const std::vector<std::string_view>& known) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return Invalid("'" + std::string(text) + "' is not FIELD=VALUE or FIELD!=VALUE");
  const bool differs = text[equals - 1] == '!';
  const std::string_view key = text.substr(0, differs ? equals - 1 : equals);
  std::string_view value = text.substr(equals + 1);
  if (!differs && !value.empty() && value.front() == '=') value.remove_prefix(1);
  if (std::find(known.begin(), known.end(), key) == known.end()) {
    std::string list;
    for (const std::string_view one : known) list += (list.empty() ? "" : ", ") + std::string(one);
    return Invalid("'" + std::string(key) + "' is no field that can be selected; use " + list);
  }
  auto plain = Unescape(value);
  if (!plain) return plain.error();
  return Selector::Term{
      std::string(key), differs ? Selector::Op::kNotIn : Selector::Op::kIn, {std::move(*plain)}};
}

Error At(Error error, const std::string& field) {
  error.field = field;
  return error;
}

Status CheckLength(std::string_view text, const std::string& field) {
  if (text.size() <= kLongestSelector) return {};
  return Invalid("a selector has at most 4096 bytes", field);
}

}  // namespace

Result<Selector> Selector::ParseLabels(std::string_view text, const std::string& field) {
  if (auto ok = CheckLength(text, field); !ok) return ok.error();
  auto terms = LabelReader(text).Read();
  if (!terms) return At(terms.error(), field);
  Selector selector;
  selector.terms_ = std::move(*terms);
  return selector;
}

Result<Selector> Selector::ParseFields(std::string_view text, const std::string& field,
                                       const std::vector<std::string_view>& known) {
  if (auto ok = CheckLength(text, field); !ok) return ok.error();
  Selector selector;
  selector.fields_ = true;
  while (!text.empty()) {
    const std::string_view one = TakeFieldTerm(text);
    if (one.empty()) continue;
    auto term = ReadFieldTerm(one, known);
    if (!term) return At(term.error(), field);
    selector.terms_.push_back(std::move(*term));
  }
  return selector;
}

bool Selector::Holds(const Term& term, const std::string* value) {
  if (term.op == Op::kExists) return value != nullptr;
  if (term.op == Op::kAbsent) return value == nullptr;
  const bool listed =
      value != nullptr && std::find(term.values.begin(), term.values.end(), *value) != term.values.end();
  return listed == (term.op == Op::kIn);
}

std::string Selector::Text() const {
  std::string out;
  for (const Term& term : terms_) {
    if (!out.empty()) out.push_back(',');
    if (term.op == Op::kAbsent) out.push_back('!');
    out += term.key;
    if (term.op == Op::kExists || term.op == Op::kAbsent) continue;
    if (term.values.size() == 1) {
      out += (term.op == Op::kIn ? "=" : "!=") + (fields_ ? Escape(term.values[0]) : term.values[0]);
      continue;
    }
    out += term.op == Op::kIn ? " in (" : " notin (";
    for (std::size_t i = 0; i < term.values.size(); ++i) out += (i == 0 ? "" : ",") + term.values[i];
    out.push_back(')');
  }
  return out;
}

}  // namespace weft::resource
