#pragma once
// A snapshot as lines of a recording: "+snapshot", "+service", "+port", "+policy", "+route", "+rule",
// "+match",
// "+backend", "+instance", "+address". Holds what decisions depend on; header edits and rewrites are left
// out. One policy field per line, so that a replay can be tried with one changed. Not for the request path.

#include <span>
#include <string>

#include "common/policy/policy.h"
#include "common/snapshot/snapshot.h"

namespace weft::engine {

std::string SnapshotText(const snapshot::Snapshot& snapshot);  // every line ends with a newline
snapshot::SnapshotPtr ParseSnapshotText(std::span<const std::string> lines);  // unknown lines are skipped

// Whether the two read alike, so that no decision tells them apart, and no replay, whose snapshots share
// nothing with one another. At once when they are the same objects.
bool ReadAlike(const policy::BundlePtr& bundle, const snapshot::EndpointsPtr& endpoints,
               const snapshot::Service& other);

}  // namespace weft::engine
