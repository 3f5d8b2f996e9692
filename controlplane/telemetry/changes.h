#pragma once
// What an agent's report changes for its callers, as events: a circuit that opens and closes again, an
// instance that is left out and comes back. Agents are not named, so what all of them see is one event that
// is counted. Thread rule: pure.

#include "controlplane/events/events.h"
#include "controlplane/telemetry/aggregate.h"

namespace weft::telemetry {

// Before the report is added to `known`.
void NoteChanges(const Aggregate& known, const std::string& node_id, const v1::AgentReport& report,
                 events::Book& events);

}  // namespace weft::telemetry
