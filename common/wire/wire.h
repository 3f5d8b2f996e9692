#pragma once
// Protobuf stops here: ServiceBundle, Endpoints and Delta of proto/weft/v1 to and from policy and snapshot
// types. Reading checks every field (ranges, enumerations, sizes, names, durations >= 0, text that would
// break a header or a path) and names the first wrong one by its path
// ("routes[0].rules[1].backends[0].weight"). The control plane reads what it is about to send with the same
// code, so it refuses what an agent would. Thread rule: pure functions.

#include <string>
#include <string_view>

#include "common/snapshot/delta.h"
#include "weft/v1/mesh.pb.h"

namespace weft::wire {

inline constexpr std::size_t kMaxBundleBytes = 4U << 20U;  // one bundle; larger ones are refused
inline constexpr int kMaxInstances = 10000;                // of one service

std::string Sha256Hex(std::string_view bytes);  // 64 lower-case digits

v1::ServiceKey ToProto(const ServiceKey& key);  // the cluster is left out while it is "local"
Result<ServiceKey> FromProto(const v1::ServiceKey& in);
ServiceKey UncheckedKey(const v1::ServiceKey& in);  // for look-ups: a wrong name is simply unknown
v1::Version ToProto(const snapshot::Version& version);
snapshot::Version FromProto(const v1::Version& in);

v1::ServiceBundle ToProto(const policy::ServiceBundle& bundle);
// The result's hash is empty; Parse sets it.
Result<policy::ServiceBundle> FromProto(const v1::ServiceBundle& in);

v1::Endpoints ToProto(const snapshot::EndpointsUpdate& update);
v1::Instance ToProto(const snapshot::Instance& instance);
// What a stream resumes endpoints by where the counts of two stores or epochs cannot be compared: 16 hex
// digits of the SHA-256 of the instances' canonical forms, which must be sorted by id.
std::string HashInstances(const std::vector<snapshot::Instance>& instances);
std::string HashInstances(const google::protobuf::RepeatedPtrField<v1::Instance>& instances);
Result<snapshot::EndpointsUpdate> FromProto(
    const v1::Endpoints& in);  // sorts the instances, sets their hashes

// Canonical form: the same bundle gives the same bytes in every program. Its SHA-256 is the bundle's hash.
std::string Serialize(const policy::ServiceBundle& bundle);
// The result's hash is that of `bytes`.
Result<policy::ServiceBundle> Parse(std::string_view bytes);
// What compile left open: the hash. Errors are those an agent would answer with.
Result<policy::BundlePtr> Seal(policy::ServiceBundle bundle);

v1::BundleUpdate ToUpdate(const policy::ServiceBundle& bundle);
// Bundles that do not decode become refusals; an error means that the delta itself is malformed.
Result<snapshot::Delta> FromProto(const v1::Delta& in);

v1::BundleNack ToProto(const snapshot::Refusal& refusal);

}  // namespace weft::wire
