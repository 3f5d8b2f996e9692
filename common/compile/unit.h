#pragma once
// What the documents mean for one service. Thread rule: pure functions; the classes belong to one call.

#include "common/compile/index.h"

namespace weft::compile {

struct Unit {
  std::optional<policy::ServiceBundle> bundle;  // none: the service does not exist
  std::optional<snapshot::Endpoints> endpoints;
  std::vector<Finding> findings;  // those of a document with a part in several services come with each
};

Unit CompileUnit(const Index& index, const policy::PolicySpec& environment, const ServiceKey& key);

void SortFindings(std::vector<Finding>& findings);  // by resource and field, each once

Finding MakeFinding(bool error, std::string code, const resource::Document& document, std::string field,
                    std::string message);

// The layers of one service: environment, mesh, its ServicePolicy; merged and checked.
class Policies {
 public:
  Policies(const Index& index, const policy::PolicySpec& environment, const ServiceKey& key,
           std::vector<Finding>& findings);

  policy::Merged ForService() const;
  policy::Merged ForRule(const resource::Document& route, std::size_t rule) const;
  void CheckDefaults() const;  // alone, without any service

 private:
  std::vector<policy::Layer> Layers() const;
  void Check(const policy::Merged& merged, const resource::Document* fallback) const;

  const Index& index_;
  const policy::PolicySpec& environment_;
  std::vector<Finding>& findings_;
  const resource::Document* governing_ = nullptr;  // the oldest of the policies that target it
};

// Attaches the routes that have the service as a parent; findings come even when it does not exist.
void AttachRoutes(const Index& index, const Policies& policies, const ServiceKey& key, Unit& unit);

snapshot::Endpoints MakeEndpoints(const ServiceKey& key, const resource::MeshServiceSpec& spec);

}  // namespace weft::compile
