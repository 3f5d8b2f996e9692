#pragma once
// Who asks, before any handler runs. Two authenticators: a loopback peer is admin when no credentials are
// configured; else a bearer token from a file decides. Thread rule: any thread.
//
// The token file has one token a line: SECRET NAME ROLE, where ROLE is viewer, editor, admin or agent; '#'
// begins a comment. It is read again when it changes; a broken one keeps the last good.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"
#include "common/result/result.h"

namespace weft::auth {

enum class Role : std::uint8_t {
  kViewer,  // reads
  kAgent,   // streams, registers and renews instances; reads
  kEditor,  // writes resources and instances; reads
  kAdmin,   // everything, also draining agents and accepting a new store
};
std::string_view ToString(Role role);
Result<Role> ParseRole(std::string_view text);

struct Principal {
  std::string name;
  Role role = Role::kViewer;
};

// What a transport knows of a caller.
struct Credentials {
  std::string_view authorization;  // "Bearer …"; empty: none
  net::Address peer;
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual Result<Principal> Authenticate(const Credentials& credentials) = 0;
};

// Every peer on 127.0.0.0/8 or ::1 is admin, the others are refused.
std::unique_ptr<Authenticator> MakeLoopback();
// `--insecure`: every peer is admin.
std::unique_ptr<Authenticator> MakeInsecure();
// The error of a file that cannot be used at the start names file and line. `warn` hears of a broken later
// version.
Result<std::unique_ptr<Authenticator>> MakeTokenFile(const std::string& path,
                                                     std::function<void(const Error&)> warn);

// kForbidden, with the role that would do.
Status Require(const Principal& principal, Role needed);

// With no credentials, only loopback addresses may be listened on, unless insecure.
Status CheckExposure(const net::Address& listen, bool has_credentials, bool insecure, std::string_view flag);

bool ConstantTimeEqual(std::string_view a, std::string_view b);  // time depends on the lengths only

}  // namespace weft::auth
