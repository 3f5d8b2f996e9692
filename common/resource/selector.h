#pragma once
// Selectors as Kubernetes writes them. Labels: `app=cart,tier!=db,zone in (a,b),team notin
// (x),canary,!legacy`; what has no such label satisfies != and notin. Fields:
// `metadata.name=cart,kind!=HTTPRoute`; in a value a backslash escapes a comma, an equals sign or itself.
// Every term must hold; the empty selector takes everything. Pure; a parsed selector is a plain value.

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace weft::resource {

class Selector {
 public:
  enum class Op : std::uint8_t { kIn, kNotIn, kExists, kAbsent };
  struct Term {
    std::string key;
    Op op = Op::kIn;
    std::vector<std::string> values;  // of kIn and kNotIn; not empty there
  };

  // The error's field is `field` ("labelSelector"); it quotes the term. At most 4,096 bytes.
  static Result<Selector> ParseLabels(std::string_view text, const std::string& field);
  // `known`: the keys that may be asked for.
  static Result<Selector> ParseFields(std::string_view text, const std::string& field,
                                      const std::vector<std::string_view>& known);

  bool empty() const { return terms_.empty(); }
  const std::vector<Term>& terms() const { return terms_; }
  std::string Text() const;  // parses to the same selector

  // `find` gives a pointer to the value of a key, null when there is none.
  template <class Find>
  bool Matches(const Find& find) const {
    for (const Term& term : terms_) {
      if (!Holds(term, find(term.key))) return false;
    }
    return true;
  }

 private:
  static bool Holds(const Term& term, const std::string* value);

  bool fields_ = false;  // Text escapes values
  std::vector<Term> terms_;
};

}  // namespace weft::resource
