#pragma once
// Documents to bundles: what the released resources mean for each service. The same code runs in weft-control
// (before a write is accepted, and for what agents are served) and in an agent that reads `resources:` files
// itself. Pure: the output depends on the inputs only, not on their order. Thread rule: a pure function.
//
// Routes come out oldest first, then by namespace/name, their rules and matches as written: the order that
// breaks ties in the precedence of matches, which agent/route sorts by once per bundle.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/policy/merge.h"
#include "common/policy/route.h"
#include "common/resource/document.h"
#include "common/snapshot/snapshot.h"

namespace weft::compile {

struct Inputs {
  std::string cluster = "local";
  std::vector<resource::DocumentPtr> documents;
  policy::PolicySpec environment;  // policy::FromEnvironment; the weakest layer above the built-in values
};

// Something an operator should know. Errors refuse the whole set; warnings are what `analyze` and conditions
// show.
struct Finding {
  bool error = false;
  std::string code;      // "BackendNotFound", "Conflicted", …: docs/configuration.md lists them
  std::string resource;  // "HTTPRoute default/cart"
  std::string field;     // "spec.rules[0].backendRefs[1]"
  std::string where;     // "mesh.yaml:12:5"
  std::string message;   // one sentence that tells what to change

  std::string Text() const;  // "mesh.yaml:12:5: HTTPRoute default/cart: spec.rules[0]…: message"
};

struct Output {
  std::map<ServiceKey, policy::ServiceBundle> bundles;  // `hash` is left empty: common/wire fills it
  std::map<ServiceKey, snapshot::Endpoints> endpoints;  // static instances; version 0; one entry per bundle
  std::set<ServiceKey> removed;   // of a change (compiler.h): named, but no such services
  std::vector<Finding> findings;  // sorted by resource and field
  bool ok() const;                // no finding is an error
};

Output Compile(const Inputs& inputs);

}  // namespace weft::compile
