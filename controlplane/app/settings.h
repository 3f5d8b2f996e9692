#pragma once
// What weft-control is told: flag > WEFT_* variable > file > built-in value, for each setting by itself. The
// file (`--config`) is YAML with the keys below; unknown keys and bad values are errors with file, line and
// key.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/log/log.h"
#include "common/net/address.h"
#include "common/policy/spec.h"
#include "controlplane/app/discovery_settings.h"
#include "controlplane/app/kubernetes_settings.h"

namespace weft::control {

struct IdentitySettings {  // the mesh's own CA
  bool on = false;
  std::string ca_cert, ca_key;     // PEM files of a CA elsewhere; empty: its own root
  std::vector<std::string> names;  // DNS names and addresses of the listeners' certificate, besides the usual
  Duration leaf = std::chrono::hours(24);        // life of a certificate; 5 s to 30 d
  Duration root = std::chrono::hours(24 * 365);  // of an own root; at least ten leaves
  Duration lead = std::chrono::hours(1);         // a new root is known so long before it issues
};

struct Settings {
  net::Address grpc{net::Ip::V4(127, 0, 0, 1), 15010};
  net::Address http{net::Ip::V4(127, 0, 0, 1), 15014};
  std::string data = "weft-data";  // the store's folder
  std::string token_file;          // empty: loopback peers only, unless insecure or there is a client CA
  std::string tls_cert, tls_key;   // PEM files; both or none: plain text
  std::string client_ca;           // PEM file: client certificates are asked for and verified; empty: not
  std::string trust_domain = "mesh.local";  // of agents' SPIFFE ids
  IdentitySettings identity;
  bool has_users() const { return !token_file.empty() || !client_ca.empty() || kubernetes.tokens; }
  bool has_credentials() const { return has_users() || identity.on; }
  bool insecure = false;
  bool allow_exposed_secrets = false;                   // key and token file may be readable by others
  bool metrics_auth = false;                            // /metrics needs a caller who may read
  std::vector<std::string> resources;                   // files and folders, watched
  std::string events_webhook;                           // URL that events are posted to; empty: none
  std::string ports_file;                               // empty: none is written
  Duration quota_lease = std::chrono::seconds(10);      // of a share of a global rate limit; 2 s to 1 h
  Duration report_interval = std::chrono::seconds(10);  // between the reports of an agent; 100 ms to 1 h
  log::Settings log;
  DiscoverySettings discovery;     // of the file alone
  KubernetesSettings kubernetes;   // likewise
  policy::PolicySpec environment;  // mesh defaults from the seeds' variables
};

struct Parsed {
  std::optional<Settings> settings;  // none: the program ends with `status` after printing `text`
  int status = 0;
  std::string text;
};

Parsed ParseCommandLine(int argc, const char* const* argv,
                        const std::map<std::string, std::string>& environment);

}  // namespace weft::control
