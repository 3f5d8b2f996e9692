#pragma once
// What is wrong with a mesh: codes, and what one issue says. docs/issues.md has a row for each code.
// Thread rule: plain values.

#include <array>
#include <string>
#include <string_view>

#include "common/time/time.h"
#include "controlplane/graph/graph.h"

namespace weft::issues {

enum class Code : std::uint8_t {
  kHighErrorRate,
  kHighLatency,
  kPoolExhausted,
  kSaturation,
  kCircuitOpen,
  kNoHealthyInstance,
  kFlapping,
  kStaleConfig,
  kCertificateExpiry,
  kSourceLost,
  kCount,
};

struct About {
  std::string_view name;
  bool critical;  // requests are failing; else a warning
};
inline constexpr std::array<About, static_cast<std::size_t>(Code::kCount)> kAbout = {{
    {"HighErrorRate", true},
    {"HighLatency", false},
    {"PoolExhausted", true},
    {"Saturation", false},
    {"CircuitOpen", true},
    {"NoHealthyInstance", true},
    {"Flapping", false},
    {"StaleConfig", false},
    {"CertificateExpiry", true},
    {"SourceLost", false},
}};
constexpr const About& AboutOf(Code code) { return kAbout[static_cast<std::size_t>(code)]; }

// What it is about: an edge (from and to), a service (to), an agent (to, the name its id), the control plane
// itself, or a source of services (both: to, without namespace).
struct Subject {
  enum class Kind : std::uint8_t { kEdge, kService, kAgent, kControlPlane, kSource };
  Kind kind = Kind::kService;
  std::string from_ns, from;
  std::string ns, name;
  auto operator<=>(const Subject&) const = default;

  static Subject Edge(const graph::EdgeKey& key);
  static Subject Service(const ServiceKey& key);
  static Subject Agent(std::string ns, std::string id);
  static Subject ControlPlane(std::string part);
  static Subject Source(std::string name);
  std::string_view KindText() const;  // "Edge", "Service", "Agent", "ControlPlane", "Source"
  std::string Text() const;           // "web -> cart", "cart", "cart-1"; other namespaces "shop/cart"
};

struct Finding {  // of one look
  Code code{};
  Subject subject;
  std::string evidence;    // one sentence with the numbers
  std::string suggestion;  // what to do
  Duration patience{};     // it must hold for this long before it is an issue
};

struct Issue {
  Finding finding;
  TimePoint since;  // when it began to hold
  TimePoint seen;   // when it held last
};

}  // namespace weft::issues
