#pragma once
// The agent's own file (docs/configuration.md, "The agent's file"), typed and checked. An unknown key or a
// bad value is an error that names file, line and key. Flags and WEFT_* variables come in as overrides of
// single fields. Thread rule: pure functions.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"
#include "common/net/key.h"
#include "common/net/port_range.h"
#include "common/result/result.h"
#include "common/time/time.h"

namespace weft::settings {

struct Node {
  std::string id;  // empty: the program takes the host's name
  std::string cluster = "local";
  std::string ns = "default";
  std::string service;  // empty: a client only
  std::string zone;
  std::map<std::string, std::string> labels;
};

struct ControlPlane {
  std::string address;      // "host:port"
  std::string token_file;   // empty: no token
  std::string ca;           // PEM file; empty: plain text
  std::string cert, key;    // PEM files, both or none: shown to the control plane
  std::string server_name;  // that its certificate must have; empty: the host of `address`
};

struct Identity {                           // certificates of the control plane's CA
  std::string join_token, join_token_file;  // at most one; both empty: one has to be cached
  std::string cache_key_file;               // empty: it is not kept on disk
  bool tls12 = false;                       // between agents TLS 1.2 is taken too
};

struct LocalService {  // one local port per service
  net::Address listen;
  ServiceKey service;
  std::string port;           // name or number; empty: the service's only port
  bool accept_proxy = false;  // each connection begins with a PROXY header
};

struct Outbound {
  std::optional<net::Address> listen;  // none: no outbound listener but those of `services`
  bool transparent = false;
  std::vector<LocalService> services;
  std::vector<net::PortRange> opaque_ports;  // transparent: destinations relayed as they are
  std::vector<std::string>
      egress_allow;  // hosts ("example.com", "*.example.com", host:port) explicit mode lets out
};

struct Inbound {
  net::Address listen;
  bool transparent = false;  // else `forward`
  std::optional<net::Address> forward;
  std::optional<ServiceKey> service;         // none: node.service
  std::string port;                          // name or number; empty: the service's only port
  bool accept_proxy = false;                 // each connection begins with a PROXY header
  std::uint8_t send_proxy = 0;               // 1, 2: so do relayed ones to the application
  std::vector<net::PortRange> opaque_ports;  // transparent: relayed as they are
};

struct Limits {  // what clients may do
  Duration request_head = std::chrono::seconds(10);
  std::uint64_t header_bytes = 64 << 10;
  std::uint32_t headers = 128;
  Duration client_idle = std::chrono::hours(1);
  std::uint32_t connections = 0;  // zero: no cap
};

enum class AccessLogFormat : std::uint8_t { kNone, kText, kJson };
enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError };

struct Settings {
  Node node;
  std::optional<ControlPlane> control_plane;  // exactly one of this and `resources`
  std::optional<Identity> identity;           // none: controlPlane.cert, or no certificate
  std::vector<std::string> resources;         // files or folders
  std::uint32_t workers = 1;                  // 1 to 64
  Outbound outbound;
  std::vector<Inbound> inbound;
  net::Address admin{net::Ip::V4(127, 0, 0, 1), 15000};
  net::Address telemetry{net::Ip{}, 15020};
  std::string cache_path;  // empty: no cache
  Duration cache_max_age = std::chrono::hours(24);
  Duration drain_deadline = std::chrono::seconds(25);
  Limits limits;
  AccessLogFormat access_log = AccessLogFormat::kNone;
  std::string access_log_path = "-";  // "-": standard output
  std::string record_path;            // empty: no recording
  std::uint64_t record_max_bytes = 64 << 20;
  LogLevel log_level = LogLevel::kInfo;
  bool log_json = false;
  std::uint64_t decision_bytes = 1 << 20;  // of both rings of a worker together
};

// One field from a flag or a variable; stronger than the file, later ones stronger than earlier ones.
struct Override {
  std::string path;  // "outbound.listen"; scalars only
  std::string value;
  std::string origin;  // "--outbound-listen", "WEFT_OUTBOUND_LISTEN"; stands where a file and line would
};

// WEFT_OUTBOUND_LISTEN -> outbound.listen, WEFT_CONTROL_PLANE_ADDRESS -> controlPlane.address, … for each
// scalar field. Other WEFT_ names are errors unless they are listed in `others`.
Result<std::vector<Override>> FromEnvironment(const std::map<std::string, std::string>& variables,
                                              const std::vector<std::string>& others = {});

Result<Duration> ParseSpan(const std::string& text);  // "500ms", "1.5s", "5m", "24h"

// `text` may be empty: built-in values and overrides only. `file` is for messages.
Result<Settings> Parse(std::string_view text, const std::string& file,
                       const std::vector<Override>& overrides = {});
Result<Settings> Load(const std::string& file, const std::vector<Override>& overrides = {});

}  // namespace weft::settings
