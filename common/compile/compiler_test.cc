#include "common/compile/compiler.h"

#include <gtest/gtest.h>

#include <random>

#include "common/wire/wire.h"
#include "tests/support/effort.h"

namespace weft::compile {
namespace {

std::string ServiceText(const std::string& name, int variant) {
  return "kind: MeshService\napiVersion: weft.dev/v1\nmetadata: {name: " + name +
         "}\nspec:\n  ports: [{port: " + (variant % 2 == 0 ? "80" : "81") +
         ", protocol: HTTP}]\n  instances: [{id: i, address: 127.0.0." + std::to_string(1 + variant) + "}]\n";
}

std::string RouteText(const std::string& name, const std::string& parents, const std::string& backend,
                      int variant) {
  return "kind: HTTPRoute\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: " + name +
         (variant == 2 ? ", creationTimestamp: '2026-01-01T00:00:00Z'" : "") + "}\nspec:\n  parentRefs: [" +
         parents + "]\n  rules: [{" + (variant == 1 ? "timeouts: {request: 2s}, " : "") +
         "backendRefs: [{name: " + backend + ", port: 80}]}]\n";
}

std::string PolicyText(const std::string& name, const std::string& targets, int variant) {
  return "kind: ServicePolicy\napiVersion: weft.dev/v1\nmetadata: {name: " + name +
         "}\nspec: {targetRefs: [" + targets + "], retry: {attempts: " + std::to_string(variant) + "}}\n";
}

std::string Reference(const std::string& service) {
  return "{group: '', kind: Service, name: " + service + "}";
}

// A document of few names, so that changes often meet.
std::string RandomText(std::mt19937& random) {
  const auto pick = [&random](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  const auto service = [&pick] { return "s" + std::to_string(pick(4)); };
  const std::string two = Reference("s" + std::to_string(pick(2))) + ", " + Reference("s2");
  switch (pick(8)) {
    case 0:
    case 1:
    case 2: return ServiceText(service(), pick(4));
    case 3:
    case 4:
    case 5: return RouteText("r" + std::to_string(pick(5)), two, service(), pick(3));
    case 6: return PolicyText("p" + std::to_string(pick(3)), two, pick(3));
    default:
      return "kind: MeshDefaults\napiVersion: weft.dev/v1\nmetadata: {name: default}\nspec: {timeouts: "
             "{attempt: " +
             std::to_string(1 + pick(3)) + "s}}\n";
  }
}

std::string Text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) text += finding.code + " " + finding.Text() + "\n";
  return text;
}

// What a Compiler's changes add up to.
struct Held {
  void Take(const Output& output) {
    for (const ServiceKey& key : output.removed) {
      bundles.erase(key);
      endpoints.erase(key);
    }
    for (const auto& [key, bundle] : output.bundles) bundles[key] = wire::Serialize(bundle);
    for (const auto& [key, list] : output.endpoints) endpoints[key] = list.instances;
    findings = Text(output.findings);
  }
  std::map<ServiceKey, std::string> bundles;
  std::map<ServiceKey, std::vector<snapshot::Instance>> endpoints;
  std::string findings;
  friend bool operator==(const Held&, const Held&) = default;
};

Held Whole(const std::map<std::string, resource::DocumentPtr>& documents) {
  Inputs inputs;
  for (const auto& [name, document] : documents) inputs.documents.push_back(document);
  Held held;
  held.Take(Compile(inputs));
  return held;
}

resource::DocumentPtr ParseOne(const std::string& text) {
  resource::Parsed parsed = resource::ParseDocuments(text, "f.yaml");
  for (const Error& error : parsed.errors) ADD_FAILURE() << error.Text() << text;
  return parsed.documents.at(0);
}

TEST(CompilerTest, AnySequenceOfChangesEndsWhereCompilingAllDoes) {
  constexpr int kSteps = support::Steps(1500);
  std::mt19937 random(7);
  Compiler compiler({});
  std::map<std::string, resource::DocumentPtr> documents;
  Held held;
  std::size_t seen_findings = 0;
  for (int step = 0; step < kSteps; ++step) {
    std::map<std::string, Edit> edits;
    for (unsigned i = 0; i < 1 + random() % 3; ++i) {
      const resource::DocumentPtr document = ParseOne(RandomText(random));
      const std::string name = document->Name();
      const resource::DocumentPtr before = documents.contains(name) ? documents[name] : nullptr;
      const bool removes = before != nullptr && random() % 3 == 0;
      edits[name] = {before, removes ? nullptr : document};
    }
    Edits list;
    for (const auto& [name, edit] : edits) list.push_back(edit);
    const Output output = compiler.Change(list);
    if (random() % 4 == 0) {  // refused
      held.Take(output);
      held.Take(compiler.Change(Reversed(list)));
    } else {
      held.Take(output);
      for (const auto& [name, edit] : edits) {
        documents.erase(name);
        if (edit.after != nullptr) documents[name] = edit.after;
      }
    }
    ASSERT_EQ(held.findings, Whole(documents).findings) << "step " << step;
    ASSERT_TRUE(held == Whole(documents)) << "step " << step;
    seen_findings += held.findings.size();
  }
  EXPECT_GT(seen_findings, static_cast<std::size_t>(kSteps) / 2);
}

TEST(CompilerTest, OnlyServicesInWhichAChangedDocumentHasAPartAreCompiledAnew) {
  Compiler compiler({});
  const resource::DocumentPtr route = ParseOne(RouteText("r", Reference("s0"), "s1", 0));
  Edits all{{nullptr, route}};
  for (const char* name : {"s0", "s1", "s2"}) all.push_back({nullptr, ParseOne(ServiceText(name, 0))});
  EXPECT_EQ(compiler.Change(all).bundles.size(), 3U);
  const Output of_route = compiler.Change({{route, ParseOne(RouteText("r", Reference("s0"), "s2", 0))}});
  ASSERT_EQ(of_route.bundles.size(), 1U);
  EXPECT_EQ(of_route.bundles.begin()->first.name, "s0");
  const Output of_backend = compiler.Change({{all.back().after, ParseOne(ServiceText("s2", 1))}});
  EXPECT_EQ(of_backend.bundles.size(), 2U) << "itself and the parent of the route that sends to it";
  ASSERT_EQ(of_backend.findings.size(), 1U);
  EXPECT_EQ(of_backend.findings[0].code, "BackendNotFound");
}

}  // namespace
}  // namespace weft::compile
