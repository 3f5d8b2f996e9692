#pragma once
// The documents of one compilation, found by name, and the findings about them. Thread rule: belongs to one
// call.

#include "common/compile/compile.h"

namespace weft::compile {

// Pointers into the inputs; sorted so that the output does not depend on the order of the inputs.
struct DocumentSet {
  std::map<ServiceKey, const resource::Document*> services;
  std::vector<const resource::Document*> routes;    // oldest first, then by namespace/name
  std::vector<const resource::Document*> policies;  // likewise
  const resource::Document* defaults = nullptr;
};

// Duplicates are errors and left out.
DocumentSet Sort(const Inputs& inputs, std::vector<Finding>& findings);

Finding MakeFinding(bool error, std::string code, const resource::Document& document, std::string field,
                    std::string message);

// The layers of each service: environment, mesh, its ServicePolicy; merged and checked.
class Policies {
 public:
  Policies(const Inputs& inputs, const DocumentSet& set, std::vector<Finding>& findings);

  policy::Merged ForService(const ServiceKey& key) const;
  policy::Merged ForRule(const ServiceKey& key, const resource::Document& route, std::size_t rule) const;

 private:
  std::vector<policy::Layer> Layers(const ServiceKey& key) const;
  void Check(const policy::Merged& merged, const resource::Document* fallback) const;

  const Inputs& inputs_;
  const DocumentSet& set_;
  std::vector<Finding>& findings_;
  std::map<ServiceKey, const resource::Document*> by_service_;
};

// Attaches every route to the bundles of its parents.
void AttachRoutes(const Inputs& inputs, const DocumentSet& set, const Policies& policies, Output& output);

snapshot::Endpoints MakeEndpoints(const ServiceKey& key, const resource::MeshServiceSpec& spec);

}  // namespace weft::compile
