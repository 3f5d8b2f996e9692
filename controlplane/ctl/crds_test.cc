#include "controlplane/ctl/crds.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "controlplane/ctl/yaml.h"

namespace weft::ctl {
namespace {

const Json& SchemaOf(const Json& crd) { return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]; }

// Names of properties, at any depth.
void CollectKeys(const Json& schema, std::set<std::string>& keys) {
  if (!schema.is_object()) return;
  if (schema.contains("properties")) {
    for (const auto& [key, value] : schema["properties"].items()) {
      keys.insert(key);
      CollectKeys(value, keys);
    }
  }
  for (const char* inner : {"items", "additionalProperties"}) {
    if (schema.contains(inner)) CollectKeys(schema[inner], keys);
  }
}

// A schema is structural when every value has a type.
void ExpectTypes(const Json& schema, const std::string& at) {
  EXPECT_TRUE(schema.contains("type") || schema.contains("x-kubernetes-int-or-string")) << at;
  if (schema.contains("properties")) {
    for (const auto& [key, value] : schema["properties"].items()) ExpectTypes(value, at + "." + key);
  }
  for (const char* inner : {"items", "additionalProperties"}) {
    if (schema.contains(inner)) ExpectTypes(schema[inner], at + "." + inner);
  }
}

// Keys that a reader asks for, found in its source by the calls that do.
std::set<std::string> KeysReadBy(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream("common/resource/" + file).rdbuf();
  const std::string source = text.str();
  const std::regex call(R"re((?:Optional|Required|Need|Find|List|Map)\("(\w+)")re");
  std::set<std::string> keys;
  for (std::sregex_iterator it(source.begin(), source.end(), call), end; it != end; ++it)
    keys.insert((*it)[1]);
  return keys;
}

TEST(CrdsTest, EveryKeyThatAReaderAsksForIsInTheSchema) {
  std::set<std::string> known;
  for (const Json& crd : MakeCrds()) CollectKeys(SchemaOf(crd), known);
  for (const char* file : {"mesh_service.cc", "read_policy.cc"}) {
    const std::set<std::string> read = KeysReadBy(file);
    EXPECT_GT(read.size(), 5U) << file;
    for (const std::string& key : read) EXPECT_TRUE(known.contains(key)) << file << ": " << key;
  }
}

TEST(CrdsTest, SchemasAreStructuralAndNamesFollowTheKinds) {
  const auto crds = MakeCrds();
  ASSERT_EQ(crds.size(), 3U);
  for (const Json& crd : crds) {
    const Json& names = crd["spec"]["names"];
    ExpectTypes(SchemaOf(crd), names["kind"].get<std::string>());
    EXPECT_EQ(crd["metadata"]["name"], names["plural"].get<std::string>() + ".weft.dev");
  }
  EXPECT_EQ(crds[0]["spec"]["names"]["plural"], "meshservices");
  EXPECT_EQ(crds[2]["spec"]["scope"], "Cluster");
}

TEST(CrdsTest, WordsAndBoundsAreThoseOfTheReaders) {
  const auto crds = MakeCrds();
  const Json& policy = SchemaOf(crds[1])["properties"]["spec"]["properties"];
  EXPECT_EQ(policy["loadBalancer"]["properties"]["policy"]["enum"].size(), 8U);
  EXPECT_EQ(policy["retry"]["properties"]["attempts"]["maximum"], 10);
  EXPECT_EQ(policy["circuitBreaker"]["properties"]["failureWeights"]["properties"]["timeout"]["maximum"],
            1000);
  EXPECT_EQ(policy["rateLimits"]["properties"]["limits"]["items"]["properties"]["per"]["enum"].size(), 4U);
}

}  // namespace
}  // namespace weft::ctl
