#include "common/resource/selector.h"

#include <gtest/gtest.h>

#include <map>

namespace weft::resource {
namespace {

using Labels = std::map<std::string, std::string>;

bool Takes(std::string_view text, const Labels& labels) {
  const auto selector = Selector::ParseLabels(text, "labelSelector");
  EXPECT_TRUE(selector) << selector.error().Text();
  return selector->Matches([&](const std::string& key) {
    const auto found = labels.find(key);
    return found == labels.end() ? nullptr : &found->second;
  });
}

std::string Refusal(std::string_view text) {
  const auto selector = Selector::ParseLabels(text, "labelSelector");
  return selector ? "" : selector.error().Text();
}

const std::vector<std::string_view> kFields = {"metadata.name", "kind"};

TEST(SelectorTest, EveryFormOfKubernetesIsUnderstood) {
  const Labels cart{{"app", "cart"}, {"zone", "a"}, {"example.com/tier", ""}};
  for (const char* text :
       {"", "app=cart", "app==cart", "app = cart , zone", "tier!=db", "app!=db", "zone in (b, a)",
        "zone in(a)", "other notin (a,b)", "zone notin (b)", "!legacy", "example.com/tier",
        "example.com/tier=", "example.com/tier in ()", "app=cart,zone in (a,b),!legacy"}) {
    EXPECT_TRUE(Takes(text, cart)) << text;
  }
  for (const char* text : {"app=db", "app!=cart", "zone in (b,c)", "zone notin (a)", "!app", "missing",
                           "missing=", "app=cart,missing"}) {
    EXPECT_FALSE(Takes(text, cart)) << text;
  }
}

TEST(SelectorTest, AWrongTermIsQuotedWithWhatToWrite) {
  EXPECT_EQ(
      Refusal("=x"),
      "labelSelector: '=x' does not begin with a label; write key=value, key!=value, key in (a,b), key notin "
      "(a,b), key or !key");
  EXPECT_EQ(Refusal("app in a"), "labelSelector: after 'app in' comes '('");
  EXPECT_EQ(Refusal("app in (a"), "labelSelector: the values of 'app' need a ')'");
  EXPECT_EQ(Refusal("app > 5"), "labelSelector: after 'app' comes =, ==, !=, in (…) or notin (…), not '> 5'");
  EXPECT_EQ(Refusal("app=a b"), "labelSelector: expected ',' before 'b'");
  EXPECT_NE(Refusal("app=" + std::string(64, 'x')).find("63 characters"), std::string::npos);
  EXPECT_NE(Refusal(std::string(5000, 'x')).find("4096"), std::string::npos);
  EXPECT_FALSE(Refusal("a,,b").empty());
  EXPECT_FALSE(Refusal("a!b").empty());
}

TEST(SelectorTest, FieldsAreThoseThatAreKnownAndValuesMayBeEscaped) {
  const auto selector =
      Selector::ParseFields("metadata.name==a\\,b,kind!=HTTPRoute", "fieldSelector", kFields);
  ASSERT_TRUE(selector) << selector.error().Text();
  const std::string name = "a,b", kind = "ServicePolicy";
  EXPECT_TRUE(selector->Matches([&](const std::string& key) { return key == "kind" ? &kind : &name; }));
  EXPECT_EQ(selector->Text(), "metadata.name=a\\,b,kind!=HTTPRoute");
  const auto unknown = Selector::ParseFields("spec.x=1", "fieldSelector", kFields);
  EXPECT_EQ(unknown.error().Text(),
            "fieldSelector: 'spec.x' is no field that can be selected; use metadata.name, kind");
  EXPECT_FALSE(Selector::ParseFields("kind", "f", kFields));
  EXPECT_FALSE(Selector::ParseFields("kind=a=b", "f", kFields));
  EXPECT_FALSE(Selector::ParseFields("kind=a\\", "f", kFields));
}

TEST(SelectorTest, ItsTextParsesToTheSame) {
  for (const char* text : {"app=cart,zone in (a,b),x notin (c,d),y,!z,e=", "a!=b"}) {
    EXPECT_EQ(Selector::ParseLabels(text, "")->Text(), text);
  }
}

}  // namespace
}  // namespace weft::resource
