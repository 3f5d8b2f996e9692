#pragma once
// Who asks, before any handler runs. A loopback peer is admin when no credentials are configured; else a
// bearer token from a file or a verified client certificate decides. Thread rule: any thread.
//
// The token file has one token a line: SECRET NAME ROLE, where ROLE is viewer, editor, admin or agent; '#'
// begins a comment. `cert:SUBJECT NAME ROLE` gives a role to a client certificate of that common name or URI.
// The file is read again when it changes; a broken one keeps the last good. A certificate with the SPIFFE id
// spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE is an agent of that service, and of no other.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"
#include "common/result/result.h"
#include "common/time/time.h"

namespace weft::auth {

enum class Role : std::uint8_t {
  kViewer,  // reads
  kAgent,   // streams, registers and renews instances; reads
  kEditor,  // writes resources and instances; reads
  kAdmin,   // everything, also draining agents and accepting a new store
};
std::string_view ToString(Role role);
Result<Role> ParseRole(std::string_view text);

// The certificate that a caller showed, verified by the transport.
struct Shown {
  std::string uri;     // its SPIFFE id; empty: it has none
  std::string serial;  // lower-case hex; empty: no certificate was shown
  WallTime from, until;
};
using CheckShown = std::function<Status(const Shown&)>;

struct Principal {
  std::string name;
  Role role = Role::kViewer;
  std::string ns = {}, service = {};  // an agent that speaks for this service alone; empty: for any
  std::string peer = {};              // "ip:port" it came from
  // The join token it showed, with which it may obtain a certificate and nothing else; empty: none. A node:
  // the only one that may.
  std::string join = {}, node = {};
  Shown shown = {};
};

// What a transport knows of a caller.
struct Credentials {
  std::string_view authorization;  // "Bearer …"; empty: none
  net::Address peer;
  std::string_view spiffe = {}, common_name = {};  // of a verified client certificate; empty: none
  std::string serial = {};                         // likewise
  WallTime from = {}, until = {};                  // likewise
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  Result<Principal> Authenticate(const Credentials& credentials);
  // Certificates that it refuses are nobody's, whatever else is shown. Once, before other threads use it.
  void RefuseBy(CheckShown check) { check_ = std::move(check); }

 private:
  CheckShown check_;
  virtual Result<Principal> Recognise(const Credentials& credentials) = 0;  // all but the address
};

using Authenticate = std::function<Result<Principal>(const Credentials&)>;

// Every peer on 127.0.0.0/8 or ::1 is admin, the others are refused.
std::unique_ptr<Authenticator> MakeLoopback();
// `--insecure`: every peer is admin.
std::unique_ptr<Authenticator> MakeInsecure();
struct Trusted {
  std::string token_file;    // empty: certificates alone
  std::string trust_domain;  // of agents' SPIFFE ids; empty: none is an agent
};
// The error of a file that cannot be used at the start names file and line. `warn` hears of a broken later
// version.
Result<std::unique_ptr<Authenticator>> MakeTrusted(const Trusted& trusted,
                                                   std::function<void(const Error&)> warn);

// The service of spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICE; kForbidden for anything else.
struct SpiffeId {
  std::string ns, service;
};
Result<SpiffeId> ParseSpiffe(std::string_view id, std::string_view trust_domain);

// kForbidden when the caller is an agent of another service.
Status MaySpeakFor(const Principal& principal, std::string_view ns, std::string_view service);

// kForbidden, with the role that would do.
Status Require(const Principal& principal, Role needed);

// With no credentials, only loopback addresses may be listened on, unless insecure.
Status CheckExposure(const net::Address& listen, bool has_credentials, bool insecure, std::string_view flag);

bool ConstantTimeEqual(std::string_view a, std::string_view b);  // time depends on the lengths only

}  // namespace weft::auth
