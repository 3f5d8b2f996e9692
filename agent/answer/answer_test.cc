#include "agent/answer/answer.h"

#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace weft::answer {
namespace {

TEST(AnswerTest, EveryReasonMapsToTheStatusItsDocumentationSays) {
  std::ifstream in("docs/reasons.md");
  std::stringstream page;
  page << in.rdbuf();
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (reason == Reason::kOk || reason == Reason::kClientClosed) continue;
    const int status = MappingOf(reason).http;
    EXPECT_TRUE(status >= 400 && status < 600) << ToString(reason);
    const std::string row = "| `" + std::string(ToString(reason)) + "` | " + std::to_string(status) + " |";
    EXPECT_NE(page.str().find(row), std::string::npos) << row;
  }
}

TEST(AnswerTest, CarriesReasonRequestIdAndRetryAfter) {
  const Answer answer(Reason::kBreakerOpen, "abc", 7);
  EXPECT_EQ(answer.head().status, 503);
  EXPECT_EQ(answer.head().fields.Find(message::FieldId::kWeftReason)->value, "breaker_open");
  EXPECT_EQ(answer.head().fields.Find(message::FieldId::kXRequestId)->value, "abc");
  EXPECT_EQ(answer.head().fields.Find(message::FieldId::kRetryAfter)->value, "7");
  EXPECT_EQ(answer.body(), "weft: the circuit breaker of the service is open (breaker_open)\n");
  EXPECT_FALSE(answer.close());
}

TEST(AnswerTest, NoRetryAfterWhenItIsNotKnown) {
  EXPECT_EQ(Answer(Reason::kBreakerOpen, "abc").head().fields.Find(message::FieldId::kRetryAfter), nullptr);
}

TEST(AnswerTest, AGrpcCallerGetsAStatusWithoutABodyAndIsToldWhereThereIsNoRoom) {
  const auto value = [](const Answer& answer, std::string_view name) {
    const message::Field* field = answer.head().fields.Find(name);
    return field == nullptr ? std::string_view("none") : field->value;
  };
  const Answer full(Reason::kBreakerOpen, "abc", 7, Caller::kGrpc);
  EXPECT_EQ(full.head().status, 200);
  EXPECT_EQ(full.body(), "");
  EXPECT_EQ(value(full, "content-type"), "application/grpc");
  EXPECT_EQ(value(full, "grpc-status"), "14");
  EXPECT_EQ(value(full, "grpc-message"), "the circuit breaker of the service is open");
  EXPECT_EQ(value(full, "grpc-retry-pushback-ms"), "-1");
  const Answer late(Reason::kRequestTimeout, "abc", 0, Caller::kGrpc);
  EXPECT_EQ(value(late, "grpc-status"), "4");
  EXPECT_EQ(value(late, "grpc-retry-pushback-ms"), "none");
}

TEST(AnswerTest, ACallWhoseHeadIsOutGetsItsStatusInTheTrailers) {
  const GrpcTrailers late(Reason::kCallerDeadline);
  const auto value = [&](std::string_view name) { return late.fields().Find(name)->value; };
  EXPECT_EQ(late.fields().size(), 3U);
  EXPECT_EQ(value("x-weft-reason"), "caller_deadline");
  EXPECT_EQ(value("grpc-status"), "4");
  EXPECT_EQ(value("grpc-message"), "the caller's own deadline passed");
}

TEST(AnswerTest, CodesOfGrpcMeanWhatTheSameFailureMeansInHttp) {
  EXPECT_EQ(HttpOfGrpc(0), 200);
  EXPECT_EQ(HttpOfGrpc(14), 503);
  EXPECT_EQ(HttpOfGrpc(4), 504);
  EXPECT_EQ(HttpOfGrpc(8), 429);
  EXPECT_EQ(HttpOfGrpc(5), 404);
  EXPECT_EQ(HttpOfGrpc(17), 500);
  EXPECT_EQ(GrpcOfHttp(503), GrpcStatus::kUnavailable);
  EXPECT_EQ(GrpcOfHttp(404), GrpcStatus::kUnimplemented);
  EXPECT_EQ(GrpcOfHttp(418), GrpcStatus::kUnknown);
  EXPECT_EQ(ParseGrpcStatus("7"), 7);
  for (const char* bad : {"", "17", "-1", "1x", " 1"}) EXPECT_EQ(ParseGrpcStatus(bad), 2) << bad;
}

TEST(AnswerTest, TellsGrpcByItsContentType) {
  EXPECT_TRUE(IsGrpc("application/grpc"));
  EXPECT_TRUE(IsGrpc("application/GRPC+proto; charset=utf-8"));
  EXPECT_FALSE(IsGrpc("application/grpc-web"));
  EXPECT_FALSE(IsGrpc("application/json"));
}

}  // namespace
}  // namespace weft::answer
