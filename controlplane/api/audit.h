#pragma once
// Who may change what, and the line that each write leaves in the log: who, what, from where, and how it
// ended. For Api::Call only.

#include <string>

#include "controlplane/api/table.h"
#include "weft/v1/config.pb.h"
#include "weft/v1/identity.pb.h"
#include "weft/v1/registry.pb.h"

namespace weft::api {

// An agent whose certificate names a service changes the instances of that service alone.
template <class Q>
Status CheckSpeaker(const auth::Principal&, const Q&) {
  return {};
}
inline Status CheckSpeaker(const auth::Principal& who, const v1::PutInstanceRequest& q) {
  return auth::MaySpeakFor(who, q.instance().namespace_(), q.instance().service());
}
inline Status CheckSpeaker(const auth::Principal& who, const v1::DeleteInstanceRequest& q) {
  return auth::MaySpeakFor(who, q.namespace_(), q.service());
}
inline Status CheckSpeaker(const auth::Principal& who, const v1::HeartbeatRequest& q) {
  return auth::MaySpeakFor(who, q.namespace_(), q.service());
}

// What a request is about: "default/cart/cart-1", "HTTPRoute default/cart", "revision 7", an agent's id.
template <class Q>
std::string SubjectOf(const Q& q) {
  if constexpr (std::is_same_v<Q, v1::CreateJoinTokenRequest>) {
    return "join token for " + q.namespace_() + "/" + q.service() +
           (q.node().empty() ? "" : " on " + q.node());
  } else if constexpr (std::is_same_v<Q, v1::RevokeJoinTokenRequest>) {
    return "join token " + q.id();
  } else if constexpr (std::is_same_v<Q, v1::RevokeRequest>) {
    return "certificate " + q.serial() + q.spiffe();
  } else if constexpr (std::is_same_v<Q, v1::TakeBackRevocationRequest>) {
    return "revocation " + q.id();
  } else if constexpr (std::is_same_v<Q, v1::RotateRootRequest>) {
    return "root of the CA";
  } else if constexpr (requires { q.instance().id(); }) {
    return q.instance().namespace_() + "/" + q.instance().service() + "/" + q.instance().instance().id();
  } else if constexpr (requires { q.service().name(); }) {
    return "MeshService " + q.service().namespace_() + "/" + q.service().name();
  } else if constexpr (requires {
                         q.service();
                         q.id();
                       }) {
    return q.namespace_() + "/" + q.service() + "/" + q.id();
  } else if constexpr (requires {
                         q.kind();
                         q.name();
                       }) {
    return q.kind() + " " + q.namespace_() + "/" + q.name();
  } else if constexpr (requires { q.name(); }) {
    return "MeshService " + q.namespace_() + "/" + q.name();
  } else if constexpr (requires { q.revision(); }) {
    return "revision " + std::to_string(q.revision());
  } else if constexpr (requires { q.node_id(); }) {
    return "agent " + q.node_id();
  } else if constexpr (requires { q.documents(); }) {
    return "documents";
  } else {
    return {};
  }
}

template <class Q>
bool IsDryRun(const Q& q) {
  if constexpr (requires { q.dry_run(); }) return q.dry_run();
  return false;
}

// "HTTPRoute default/cart configured, …": the first ten that an apply or a rollback wrote, and how many more.
template <class Done>
std::string SubjectsOf(const Done& done) {
  constexpr int kNamed = 10;
  std::string text;
  for (int i = 0; i < std::min(done.applied_size(), kNamed); ++i) {
    const v1::Resource& resource = done.applied(i).resource();
    text += (i == 0 ? "" : ", ") + resource.kind() + " " + resource.namespace_() + "/" + resource.name() +
            " " + done.applied(i).action();
  }
  const int more = done.applied_size() - kNamed;
  return more > 0 ? text + " and " + std::to_string(more) + " more" : text;
}

// Revision zero: it made none. An empty error: it was done.
void Audit(Rpc rpc, const auth::Principal& who, const std::string& subject, std::uint64_t revision,
           const std::string& error);

template <class Q, class Answer>
void AuditCall(Rpc rpc, const auth::Principal& who, const Q& request, const Answer& answer) {
  if (!IsAudited(rpc) || IsDryRun(request)) return;
  std::uint64_t revision = 0;
  if constexpr (requires {
                  { answer->revision() } -> std::convertible_to<std::uint64_t>;
                })
    revision = answer ? answer->revision() : 0;
  std::string subject = SubjectOf(request);
  if constexpr (requires { answer->applied(); }) {
    if (answer) subject = SubjectsOf(*answer);
  }
  if constexpr (std::is_same_v<Q, v1::CreateJoinTokenRequest>) {
    if (answer) subject += ": " + answer->id();
  }
  Audit(rpc, who, subject, revision, answer ? std::string() : answer.error().Text());
}

}  // namespace weft::api
