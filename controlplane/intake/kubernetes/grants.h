#pragma once
// ReferenceGrants: which references of routes into other namespaces their owners permit. A consumer's route
// may send to the namespaces of the services that it is about, since its clients may call them anyway. Thread
// rule: plain values.

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "common/resource/document.h"
#include "controlplane/intake/kubernetes/reflector.h"

namespace weft::intake::kubernetes {

class Grants {
 public:
  void Add(const Json& grant);  // an object of the kind ReferenceGrant; what makes no sense grants nothing
  bool Permits(std::string_view kind, const std::string& from_ns, const Json& backend) const;

 private:
  struct To {
    std::string group, kind, name;  // name empty: all of that kind
  };
  using From = std::tuple<std::string, std::string, std::string>;  // group, kind, namespace
  std::map<std::string, std::multimap<From, To>> by_namespace_;    // of what is referred to
};

// The route, with resource::kUngranted as the group of each backend that may not be referred to.
Json WithoutUngranted(const Json& route, resource::Kind kind, const Grants& grants);

}  // namespace weft::intake::kubernetes
