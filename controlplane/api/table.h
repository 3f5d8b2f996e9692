#pragma once
// The one table of the API. REST routes by verb and path; gRPC by rpc; both end in the same handler, after
// the same check of the principal's role. docs/api.md describes each row.

#include <array>
#include <cstdint>
#include <string_view>

#include "controlplane/auth/auth.h"

namespace weft::api {

enum class Rpc : std::uint8_t {
  kListServices,
  kGetService,
  kPutService,
  kDeleteService,
  kListInstances,
  kGetInstance,
  kPutInstance,
  kDeleteInstance,
  kHeartbeat,
  kApply,
  kPutResource,
  kGetResource,
  kListResources,
  kDeleteResource,
  kListRevisions,
  kGetRevision,
  kRollBack,
  kDiffRevisions,
  kListRollouts,
  kGetRollout,
  kSteerRollout,
  kListAgents,
  kGetAgentConfig,
  kAcceptAgent,
  kDrainAgent,
  kGetStats,
  kServiceStats,
  kGetGraph,
  kListIssues,
  kExplain,
  kListEvents,
  kGetIdentity,
  kRotateRoot,
  kListJoinTokens,
  kCreateJoinToken,
  kRevokeJoinToken,
  kRevoke,
  kListRevocations,
  kTakeBackRevocation,
  kVersion,
  kOpenApi,
};

enum class Body : std::uint8_t { kNone, kJson, kDocuments };

struct Row {
  std::string_view verb;
  std::string_view path;  // below /api/v1; "{x}" takes one segment, ":verb" at the end is part of it
  Rpc rpc;
  Body body;
  auth::Role role;
  std::string_view queries = {};  // the query parameters it takes, separated by blanks; others are refused
};

inline constexpr std::string_view kListQueries = "namespace labelSelector fieldSelector limit continue";

inline constexpr std::string_view kWatchQueries =
    "namespace labelSelector fieldSelector limit continue watch from";

inline constexpr std::array kTable = {
    Row{"GET", "services", Rpc::kListServices, Body::kNone, auth::Role::kViewer, kListQueries},
    Row{"GET", "services/{namespace}/{name}", Rpc::kGetService, Body::kNone, auth::Role::kViewer},
    Row{"PUT", "services/{namespace}/{name}", Rpc::kPutService, Body::kJson, auth::Role::kEditor, "dryRun"},
    Row{"DELETE", "services/{namespace}/{name}", Rpc::kDeleteService, Body::kNone, auth::Role::kEditor,
        "dryRun"},
    Row{"GET", "services/{namespace}/{name}/instances", Rpc::kListInstances, Body::kNone, auth::Role::kViewer,
        "labelSelector limit continue"},
    Row{"GET", "services/{namespace}/{name}/instances/{id}", Rpc::kGetInstance, Body::kNone,
        auth::Role::kViewer},
    Row{"PUT", "services/{namespace}/{name}/instances/{id}", Rpc::kPutInstance, Body::kJson,
        auth::Role::kAgent, "dryRun"},
    Row{"DELETE", "services/{namespace}/{name}/instances/{id}", Rpc::kDeleteInstance, Body::kNone,
        auth::Role::kAgent, "dryRun"},
    Row{"PUT", "services/{namespace}/{name}/instances/{id}/heartbeat", Rpc::kHeartbeat, Body::kNone,
        auth::Role::kAgent},
    Row{"POST", "apply", Rpc::kApply, Body::kDocuments, auth::Role::kEditor,
        "dryRun namespace file rollout bake converge"},
    Row{"GET", "resources", Rpc::kListResources, Body::kNone, auth::Role::kViewer, kWatchQueries},
    Row{"GET", "resources/{kind}", Rpc::kListResources, Body::kNone, auth::Role::kViewer, kWatchQueries},
    Row{"GET", "resources/{kind}/{namespace}/{name}", Rpc::kGetResource, Body::kNone, auth::Role::kViewer},
    Row{"PUT", "resources/{kind}/{namespace}/{name}", Rpc::kPutResource, Body::kDocuments,
        auth::Role::kEditor, "dryRun file"},
    Row{"DELETE", "resources/{kind}/{namespace}/{name}", Rpc::kDeleteResource, Body::kNone,
        auth::Role::kEditor, "dryRun"},
    Row{"GET", "revisions", Rpc::kListRevisions, Body::kNone, auth::Role::kViewer,
        "limit before kind namespace name"},
    Row{"GET", "revisions/{revision}", Rpc::kGetRevision, Body::kNone, auth::Role::kViewer},
    Row{"GET", "revisions/{revision}/diff", Rpc::kDiffRevisions, Body::kNone, auth::Role::kViewer, "to"},
    Row{"POST", "revisions/{revision}:rollback", Rpc::kRollBack, Body::kNone, auth::Role::kEditor, "dryRun"},
    Row{"GET", "rollouts", Rpc::kListRollouts, Body::kNone, auth::Role::kViewer, "limit"},
    Row{"GET", "rollouts/{revision}", Rpc::kGetRollout, Body::kNone, auth::Role::kViewer},
    Row{"POST", "rollouts/{revision}:pause", Rpc::kSteerRollout, Body::kNone, auth::Role::kEditor},
    Row{"POST", "rollouts/{revision}:resume", Rpc::kSteerRollout, Body::kNone, auth::Role::kEditor},
    Row{"POST", "rollouts/{revision}:promote", Rpc::kSteerRollout, Body::kNone, auth::Role::kEditor, "all"},
    Row{"POST", "rollouts/{revision}:abort", Rpc::kSteerRollout, Body::kNone, auth::Role::kEditor},
    Row{"GET", "agents", Rpc::kListAgents, Body::kNone, auth::Role::kViewer,
        "namespace labelSelector limit continue"},
    Row{"GET", "agents/{id}/config", Rpc::kGetAgentConfig, Body::kNone, auth::Role::kViewer},
    Row{"POST", "agents/{id}:accept", Rpc::kAcceptAgent, Body::kNone, auth::Role::kAdmin},
    Row{"POST", "agents/{id}:drain", Rpc::kDrainAgent, Body::kNone, auth::Role::kAdmin, "deadline"},
    Row{"GET", "health/stats", Rpc::kGetStats, Body::kNone, auth::Role::kViewer},
    Row{"GET", "stats/services", Rpc::kServiceStats, Body::kNone, auth::Role::kViewer},
    Row{"GET", "graph", Rpc::kGetGraph, Body::kNone, auth::Role::kViewer, "namespace"},
    Row{"GET", "issues", Rpc::kListIssues, Body::kNone, auth::Role::kViewer, "namespace"},
    Row{"GET", "explain/{request-id}", Rpc::kExplain, Body::kNone, auth::Role::kViewer, "lastErrorOf"},
    Row{"GET", "events", Rpc::kListEvents, Body::kNone, auth::Role::kViewer, "namespace type reason after"},
    Row{"GET", "identity", Rpc::kGetIdentity, Body::kNone, auth::Role::kViewer},
    Row{"POST", "identity/roots:rotate", Rpc::kRotateRoot, Body::kNone, auth::Role::kAdmin},
    Row{"GET", "identity/tokens", Rpc::kListJoinTokens, Body::kNone, auth::Role::kAdmin, "namespace"},
    Row{"POST", "identity/tokens", Rpc::kCreateJoinToken, Body::kJson, auth::Role::kAdmin},
    Row{"DELETE", "identity/tokens/{id}", Rpc::kRevokeJoinToken, Body::kNone, auth::Role::kAdmin},
    Row{"GET", "identity/revocations", Rpc::kListRevocations, Body::kNone, auth::Role::kViewer},
    Row{"POST", "identity/revocations", Rpc::kRevoke, Body::kJson, auth::Role::kAdmin},
    Row{"DELETE", "identity/revocations/{id}", Rpc::kTakeBackRevocation, Body::kNone, auth::Role::kAdmin},
    Row{"GET", "version", Rpc::kVersion, Body::kNone, auth::Role::kViewer},
    Row{"GET", "openapi.json", Rpc::kOpenApi, Body::kNone, auth::Role::kViewer},
};

// Whether each call leaves an audit line: what writes, but for heartbeats, which change nothing.
constexpr bool IsAudited(Rpc rpc) {
  for (const Row& row : kTable) {
    if (row.rpc == rpc) return row.verb != "GET" && rpc != Rpc::kHeartbeat;
  }
  return false;
}

constexpr auth::Role RoleOf(Rpc rpc) {
  for (const Row& row : kTable) {
    if (row.rpc == rpc) return row.role;
  }
  return auth::Role::kAdmin;
}

}  // namespace weft::api
