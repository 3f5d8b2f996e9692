#pragma once
// Runs a recording's arrivals through the decision core again, with a changed policy, in virtual time.
//
// A request stays exact as long as each attempt goes to the instance that the recording has for it: then the
// recorded outcome, at its recorded time, is what happens. An attempt that goes elsewhere gets the outcome
// and the time of the recorded attempt on that instance that began nearest to it: it and its request are
// modelled. Decisions are never modelled, they are made by the same objects as in the agent; but from the
// first modelled outcome on they were made from evidence that is partly modelled. What is not modelled at
// all: that fewer or more requests change how fast an instance answers, connections and their pool, other
// agents.
//
// Thread rule: one thread.

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "agent/whatif/recording.h"
#include "common/net/key.h"
#include "common/policy/route.h"
#include "common/policy/spec.h"
#include "common/stats/histogram.h"

namespace weft::whatif {

struct Count {
  std::uint64_t exact = 0, modelled = 0;
  std::uint64_t all() const { return exact + modelled; }
};

struct Side {
  Count requests, good, refused;  // good: answered below 500; refused: before anything was sent
  Count attempts, retries;
  Count elsewhere;                   // attempts that went to another instance than the recorded ones
  std::map<Reason, Count> failures;  // reasons but kOk
  Count opened, ejected;             // exact: before the first modelled outcome
  stats::Histogram times;            // microseconds, of all requests
};

// Called for every service of every snapshot. Nothing: as recorded, which must come out as recorded.
using Change = std::function<void(policy::ServiceBundle&)>;

Side Run(const Recording& recording, const Change& change);

// Lays what was written over what is in force: the service's policy, and of its routes' rules what they have
// from it.
void Overlay(const policy::PolicySpec& spec, policy::ServiceBundle& bundle);

}  // namespace weft::whatif
