#pragma once
// outbound.egress.allow: which hosts outside the mesh the explicit proxy lets out. An entry is HOST,
// HOST:PORT, *.SUFFIX or *.SUFFIX:PORT (any name below it), or * (every host); without a port any port.
// Pure; immutable once made, any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace weft::egress {

struct Host {
  std::string name;  // lower case, without the final dot; an address as net::Ip writes it
  std::uint16_t port = 80;
};
// Of an authority; nothing when it is none.
std::optional<Host> ParseHost(std::string_view authority);

class AllowList {
 public:
  AllowList() = default;
  // The error's field is the entry: "outbound.egress.allow[2]".
  static Result<AllowList> Parse(const std::vector<std::string>& entries);

  bool empty() const { return patterns_.empty(); }
  bool Lists(std::string_view authority) const;

 private:
  struct Pattern {
    std::string name;  // of a suffix with its first dot: ".example.com"
    enum class Kind : std::uint8_t { kExact, kSuffix, kAny } kind = Kind::kExact;
    std::uint16_t port = 0;  // zero: any
  };
  static std::optional<Pattern> ParseEntry(const std::string& entry);
  std::vector<Pattern> patterns_;
};

}  // namespace weft::egress
