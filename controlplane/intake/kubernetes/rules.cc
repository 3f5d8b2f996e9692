#include "controlplane/intake/kubernetes/rules.h"

#include <algorithm>

#include "controlplane/api/foreign.h"

namespace weft::intake::kubernetes {
namespace {

using api::At;
using api::Text;

constexpr const char* kGrants = "/apis/gateway.networking.k8s.io/v1beta1/referencegrants";

store::Key RuleKeyOf(const Json& object, resource::Kind kind) {
  const Json& metadata = At(object, "metadata");
  return {std::string(resource::ToString(kind)), Text(metadata, "namespace"), Text(metadata, "name")};
}

Error About(const Json& object, resource::Kind kind, Error error) {
  error.where = RuleKeyOf(object, kind).ToString();
  return error;
}

}  // namespace

Rules::Rules(boost::asio::io_context& context, const kube::Client& client, const ReflectorOptions& like,
             std::function<void()> changed)
    : changed_(std::move(changed)) {
  ReflectorOptions options = like;
  options.optional = true;
  const auto make = [&](std::string path, std::optional<Error>& problem) {
    options.path = std::move(path);
    return std::make_unique<Reflector>(context, client, options,
                                       Reflector::Hooks{[this, &problem] {
                                                          problem.reset();
                                                          changed_();
                                                        },
                                                        [this, &problem](const Error& why) {
                                                          problem = why;
                                                          changed_();
                                                        }});
  };
  for (const resource::Kind kind : resource::kKinds) {
    collections_.push_back(std::make_unique<Collection>(Collection{kind, {}, nullptr}));
    collections_.back()->objects = make(kube::CollectionOf(kind), collections_.back()->problem);
  }
  grant_objects_ = make(kGrants, grants_problem_);
}

void Rules::Start() {
  for (const auto& collection : collections_) collection->objects->Start();
  grant_objects_->Start();
}

bool Rules::heard() const {
  const auto heard = [](const Reflector& objects, const std::optional<Error>& problem) {
    return objects.synced() || problem.has_value();
  };
  return heard(*grant_objects_, grants_problem_) &&
         std::all_of(collections_.begin(), collections_.end(),
                     [&](const auto& one) { return heard(*one->objects, one->problem); });
}

void Rules::TakeGrants() {
  std::vector<ObjectPtr> granted;
  for (const auto& [key, grant] : grant_objects_->objects()) granted.push_back(grant);
  if (granted == granted_) return;
  granted_ = std::move(granted);
  grants_ = {};
  for (const ObjectPtr& grant : granted_) grants_.Add(*grant);
  ++grants_changes_;
}

// What did not change keeps its document.
void Rules::TakeObjects(const Collection& from) {
  const bool refers = kube::IsRoute(from.kind);
  for (const auto& [key, object] : from.objects->objects()) {
    Rule& rule = rules_[{from.kind, key}];
    if (rule.object == object && (!refers || rule.grants == grants_changes_)) continue;
    rule.object = object;
    rule.grants = grants_changes_;
    const resource::DocumentPtr before = rule.read.document;
    rule.read = kube::Read(refers ? WithoutUngranted(*object, from.kind, grants_) : *object, from.kind);
    const bool same =
        before != nullptr && rule.read.document != nullptr && before->json == rule.read.document->json;
    if (same) rule.read.document = before;
    ++generation_;
  }
}

void Rules::AddTo(Picture& picture, const Rule& rule) const {
  const resource::DocumentPtr& document = rule.read.document;
  if (document->kind != resource::Kind::kMeshService) return picture.rules.push_back(document);
  const ServiceKey key{"local", document->metadata.ns, document->metadata.name};
  const auto [place, is_new] = picture.services.try_emplace(key, nullptr);
  if (is_new) {
    place->second = std::make_shared<const Found>(Found{document, {}});
  } else {
    picture.unusable.push_back(
        Error{ErrorKind::kConflict, "there is a Service of that name", {}, document->Name()});
  }
}

void Rules::Fill(Picture& picture) {
  TakeGrants();
  const bool granted = grant_objects_->synced();
  if (grants_problem_) picture.unusable.push_back(*grants_problem_);
  for (const auto& collection : collections_) {
    if (collection->problem) picture.unusable.push_back(*collection->problem);
    if (!collection->objects->synced() || (!granted && kube::IsRoute(collection->kind)))
      picture.unknown_kinds.insert(std::string(resource::ToString(collection->kind)));
    TakeObjects(*collection);
  }
  const auto gone = [this](const auto& one) {
    const auto& [kind, key] = one.first;
    return !collections_[static_cast<std::size_t>(kind)]->objects->objects().contains(key);
  };
  generation_ += std::erase_if(rules_, gone);
  for (const auto& [key, rule] : rules_) {
    if (!granted && kube::IsRoute(key.first)) continue;
    if (rule.read.document != nullptr) AddTo(picture, rule);
    if (!rule.read.problems.empty()) picture.unreadable.insert(RuleKeyOf(*rule.object, key.first));
    for (const Error& problem : rule.read.problems)
      picture.unusable.push_back(About(*rule.object, key.first, problem));
  }
}

}  // namespace weft::intake::kubernetes
