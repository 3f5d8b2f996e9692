#pragma once
// Routes of the Gateway API and Weft's own kinds, as the API server has them, and as resources of the mesh.
// Kinds that the cluster does not know are empty. Thread rule: the io_context's thread.

#include "controlplane/intake/kubernetes/grants.h"
#include "controlplane/intake/source.h"
#include "controlplane/kube/object.h"

namespace weft::intake::kubernetes {

class Rules {
 public:
  struct Rule {
    ObjectPtr object;
    std::uint64_t grants = 0;  // count of changes of the grants that it was read with
    kube::ReadObject read;
  };
  using Key = std::pair<resource::Kind, std::string>;  // "namespace/name"

  // `like`: intervals of each reflector. `changed`: there is something new to Fill.
  Rules(boost::asio::io_context& context, const kube::Client& client, const ReflectorOptions& like,
        std::function<void()> changed);

  void Start();
  bool heard() const;  // each kind was listed, or could not be: nobody waits for it
  // Services of the mesh's own kind only where the picture has none of that name.
  void Fill(Picture& picture);
  const std::map<Key, Rule>& all() const { return rules_; }
  std::uint64_t generation() const { return generation_; }  // counts Fills that found a difference

 private:
  struct Collection {
    resource::Kind kind;
    std::optional<Error> problem;  // while it is not up
    std::unique_ptr<Reflector> objects;
  };
  void TakeGrants();
  void TakeObjects(const Collection& from);
  void AddTo(Picture& picture, const Rule& rule) const;

  std::function<void()> changed_;
  std::vector<std::unique_ptr<Collection>> collections_;
  std::unique_ptr<Reflector> grant_objects_;
  std::optional<Error> grants_problem_;
  std::vector<ObjectPtr> granted_;  // what grants_ was made of
  Grants grants_;
  std::uint64_t grants_changes_ = 0, generation_ = 0;
  std::map<Key, Rule> rules_;
};

}  // namespace weft::intake::kubernetes
