#pragma once
// The documents of a mesh, found by the services they speak about. What a service's bundle says depends on
// its MeshService, the routes that name it as a parent, the policies that target it, the ports of the
// services that those routes send to, and the defaults of the mesh: on nothing else. Thread rule: not thread
// safe.

#include <set>

#include "common/compile/compile.h"

namespace weft::compile {

// Oldest first, then by namespace/name; without a time of creation a document counts as the youngest.
struct Older {
  bool operator()(const resource::DocumentPtr& a, const resource::DocumentPtr& b) const;
};
using ByAge = std::set<resource::DocumentPtr, Older>;

class Index {
 public:
  explicit Index(std::string cluster) : cluster_(std::move(cluster)) {}

  // Of documents with one kind, namespace and name at most one may be in.
  void Add(const resource::DocumentPtr& document);
  void Remove(const resource::DocumentPtr& document);

  // Services whose bundle or findings the document has a part in, as the index is now. The defaults of the
  // mesh have one in all, and in Mesh().
  std::set<ServiceKey> TouchedBy(const resource::Document& document) const;
  std::set<ServiceKey> All() const;  // also services that are only named, and Mesh()

  ServiceKey Mesh() const { return {cluster_, "", ""}; }  // stands for no service in particular
  const resource::Document* FindService(const ServiceKey& key) const;
  const ByAge& RoutesOf(const ServiceKey& parent) const;
  const ByAge& PoliciesOf(const ServiceKey& target) const;
  const resource::Document* defaults() const { return defaults_.get(); }
  ServiceKey KeyOf(const resource::Document& document, const std::string& ns, const std::string& name) const;

 private:
  using Lists = std::map<ServiceKey, ByAge>;
  struct Named {
    std::set<ServiceKey> parents, backends;  // mirrors among the backends
  };
  Named NamedBy(const resource::Document& route) const;
  std::set<ServiceKey> TargetsOf(const resource::Document& policy) const;

  std::string cluster_;
  std::map<ServiceKey, resource::DocumentPtr> services_;
  Lists routes_;    // by parent
  Lists senders_;   // routes by backend
  Lists policies_;  // by target
  resource::DocumentPtr defaults_;
};

}  // namespace weft::compile
