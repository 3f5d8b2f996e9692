#include "common/net/port_range.h"

#include "common/net/address.h"

namespace weft::net {

Result<PortRange> PortRange::Parse(std::string_view text) {
  const std::size_t dash = text.find('-');
  const Result<std::uint16_t> first = ParsePort(text.substr(0, dash));
  const Result<std::uint16_t> last =
      dash == std::string_view::npos ? first : ParsePort(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *last < *first)
    return Invalid("'" + std::string(text) + "' is neither a port (80) nor a range of ports (8000-8010)");
  return PortRange{*first, *last};
}

std::string PortRange::ToString() const {
  return first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

}  // namespace weft::net
