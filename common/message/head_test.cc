#include "common/message/head.h"

#include <gtest/gtest.h>

namespace weft::message {
namespace {

TEST(FieldIdTest, EveryKnownNameInternsToItself) {
  for (std::size_t i = 1; i < static_cast<std::size_t>(FieldId::kCount); ++i) {
    const auto id = static_cast<FieldId>(i);
    if (FieldName(id).empty()) continue;
    EXPECT_EQ(InternFieldName(FieldName(id)), id) << FieldName(id);
  }
}

TEST(FieldIdTest, CaseDoesNotMatterAndStrangersAreOther) {
  EXPECT_EQ(InternFieldName("Content-LENGTH"), FieldId::kContentLength);
  EXPECT_EQ(InternFieldName("content-lengths"), FieldId::kOther);
  EXPECT_EQ(InternFieldName("X-Weft-Anything"), FieldId::kWeftOther);
  EXPECT_EQ(InternFieldName(""), FieldId::kOther);
  EXPECT_EQ(InternFieldName("keep\ralive"), FieldId::kOther);  // CR is '-' without bit 0x20
}

TEST(FieldListTest, AddsFindsReplacesAndRemoves) {
  FieldList list;
  list.Add("A", "1", FieldId::kOther);
  list.Add("a", "2", FieldId::kOther);
  list.Add(FieldId::kTe, "trailers");
  EXPECT_EQ(list.Find("a")->value, "1");
  list.Set("a", "3");
  EXPECT_EQ(list.size(), 2U);
  EXPECT_EQ(list.Find("A")->value, "3");
  EXPECT_EQ(list.Remove(FieldId::kTe), 1U);
  EXPECT_EQ(list.Find(FieldId::kTe), nullptr);
}

TEST(FieldListTest, RefusesMoreThanItHolds) {
  FieldList list;
  for (std::size_t i = 0; i < kMaxFields; ++i) EXPECT_TRUE(list.Add("x", "y", FieldId::kOther));
  EXPECT_FALSE(list.Add("x", "y", FieldId::kOther));
}

TEST(HasTokenTest, ComparesWholeTokensWithoutCase) {
  EXPECT_TRUE(HasToken("keep-alive, Close", "close"));
  EXPECT_TRUE(HasToken("close", "close"));
  EXPECT_FALSE(HasToken("closed , not-close", "close"));
  EXPECT_FALSE(HasToken("", "close"));
}

TEST(RequestHeadTest, SplitsPathAndQuery) {
  RequestHead head;
  head.target = "/a/b?c=d?e";
  EXPECT_EQ(head.path(), "/a/b");
  EXPECT_EQ(head.query(), "c=d?e");
  head.target = "/a";
  EXPECT_EQ(head.query(), "");
}

TEST(MethodTest, KnowsWhatMayBeRepeated) {
  EXPECT_TRUE(IsIdempotent(ParseMethod("PUT")));
  EXPECT_FALSE(IsIdempotent(ParseMethod("POST")));
  EXPECT_FALSE(IsIdempotent(ParseMethod("get")));
}

}  // namespace
}  // namespace weft::message
