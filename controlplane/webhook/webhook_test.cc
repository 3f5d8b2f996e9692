#include "controlplane/webhook/webhook.h"

#include <gtest/gtest.h>

#include "common/http/tls/client.h"
#include "common/x509/certificate.h"
#include "controlplane/kube/base64.h"
#include "controlplane/webhook/review.h"

namespace weft::webhook {
namespace {

using kube::Json;
using std::chrono::hours;

const WallTime kStart{hours(24 * 365 * 56)};
const std::vector<std::string> kNames = {"weft-control.weft-system.svc", "localhost"};

Material Made(WallTime now = kStart) {
  Material material;
  EXPECT_TRUE(*Renew(material, kNames, {}, now));
  return material;
}

std::size_t CasOf(const Material& material) { return x509::Split(material.ca)->size(); }

TEST(CertificatesTest, MadeOnceAndKeptForTwoThirdsOfTheirLife) {
  Material material = Made();
  const Material before = material;
  EXPECT_FALSE(*Renew(material, kNames, {}, kStart + hours(24 * 19)));
  EXPECT_EQ(material.cert, before.cert);
  EXPECT_TRUE(*Renew(material, kNames, {}, kStart + hours(24 * 21)));
  EXPECT_NE(material.cert, before.cert);
  EXPECT_EQ(material.ca, before.ca);
  EXPECT_TRUE(x509::Verify(material.cert, before.ca, kStart + hours(24 * 50)));
}

TEST(CertificatesTest, ANewCaIsKnownBeforeItCertifies) {
  Material material = Made();
  const Material before = material;
  const WallTime late = kStart + hours(24 * 365 * 4);
  ASSERT_TRUE(*Renew(material, kNames, {}, late - hours(24 * 365)));  // the certificate alone
  Material at = material;
  ASSERT_TRUE(*Renew(at, kNames, {}, late - hours(24 * 365) + hours(24 * 21)));
  material.cert = at.cert, material.key = at.key;
  const WallTime two_thirds = kStart + hours(24 * 365 * 5) * 2 / 3 + hours(24);
  Material due = before;
  due.cert.clear();
  ASSERT_TRUE(*Renew(due, kNames, {}, two_thirds - hours(48)));  // a fresh certificate of the old CA
  const std::string cert = due.cert;
  ASSERT_TRUE(*Renew(due, kNames, {}, two_thirds));
  EXPECT_EQ(CasOf(due), 2U);
  EXPECT_EQ(due.cert, cert) << "still of the CA that everybody knows";
  ASSERT_TRUE(*Renew(due, kNames, {}, two_thirds + hours(24 * 25)));
  EXPECT_NE(due.cert, cert);
  EXPECT_FALSE(x509::Verify(due.cert, before.ca, two_thirds + hours(24 * 25))) << "of the new CA";
  EXPECT_TRUE(x509::Verify(due.cert, due.ca, two_thirds + hours(24 * 25)));
}

TEST(CertificatesTest, WhatCannotBeUsedIsMadeAnew) {
  const Material good = Made();
  for (auto damage : {+[](Material& m) { m.ca = "x"; }, +[](Material& m) { m.ca_key.clear(); },
                      +[](Material& m) { m.cert = "x"; }, +[](Material& m) { m.key = Made().key; }}) {
    Material material = good;
    damage(material);
    EXPECT_TRUE(*Renew(material, kNames, {}, kStart + hours(1)));
    EXPECT_TRUE(x509::Verify(material.cert, material.ca, kStart + hours(1)));
  }
  Material expired = good;
  EXPECT_TRUE(*Renew(expired, kNames, {}, kStart + hours(24 * 365 * 20)));
  EXPECT_EQ(CasOf(expired), 1U) << "the old one is over";
  EXPECT_TRUE(x509::Verify(expired.cert, expired.ca, kStart + hours(24 * 365 * 20)));
}

std::string ReviewOf(const std::string& pod) {
  return R"({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u1", "namespace": "shop", "object": )" +
         pod + "}}";
}
constexpr const char* kPod = R"({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web"}]}})";

Json Response(const Result<Reviewed>& reviewed) { return Json::parse(reviewed.value().body)["response"]; }

TEST(ReviewTest, ThePatchMakesTheInjectedPod) {
  const Json response = Response(Review(ReviewOf(kPod), true, {}));
  EXPECT_EQ(response["uid"], "u1");
  EXPECT_EQ(response["allowed"], true);
  EXPECT_EQ(response["patchType"], "JSONPatch");
  const Json patch = Json::parse(*kube::FromBase64(response["patch"].get<std::string>()));
  const Json pod = Json::parse(kPod).patch(patch);
  EXPECT_EQ(pod["spec"]["initContainers"][1]["name"], "weft-agent");
  const auto again = Review(ReviewOf(pod.dump()), true, {});
  EXPECT_FALSE(Response(again).contains("patch")) << "called again on its own result";
}

TEST(ReviewTest, WhoDoesNotAskIsLeftAndABadAnnotationIsRefused) {
  const Json left = Response(Review(ReviewOf(kPod), false, {}));
  EXPECT_EQ(left["allowed"], true);
  EXPECT_FALSE(left.contains("patch"));
  const Json refused = Response(Review(
      ReviewOf(
          R"({"metadata": {"annotations": {"weft.dev/log-level": "loud"}}, "spec": {"containers": []}})"),
      true, {}));
  EXPECT_EQ(refused["allowed"], false);
  EXPECT_NE(refused["status"]["message"].get<std::string>().find("weft.dev/log-level"), std::string::npos);
  const Json warned = Response(Review(
      ReviewOf(
          R"({"metadata": {"annotations": {"weft.dev/lgo-level": "info"}}, "spec": {"containers": []}})"),
      true, {}));
  EXPECT_EQ(warned["warnings"].size(), 1U);
}

TEST(ReviewTest, WhatIsNoReviewIsAnError) {
  for (const char* body : {"", "[]", "{}", R"({"request": 7})", R"({"request": {"uid": "u"}})",
                           R"({"request": {"uid": "u", "object": []}})"})
    EXPECT_FALSE(Review(body, true, {})) << body;
}

std::string ReviewOfResource(const std::string& kind, const std::string& object,
                             const std::string& operation = "CREATE") {
  return R"({"request": {"uid": "u1", "namespace": "shop", "name": "r", "operation": ")" + operation +
         R"(", "kind": {"kind": ")" + kind + R"("}, "object": )" + object + "}}";
}

TEST(ValidateTest, WhatAnAgentWouldRefuseIsRefusedWithFieldAndReason) {
  const std::string bad =
      R"({"metadata": {"name": "p", "namespace": "shop"},
          "spec": {"targetRefs": [{"kind": "Service", "name": "cart"}], "retry": {"attempts": 11}}})";
  const Json refused = Response(Validate(ReviewOfResource("ServicePolicy", bad), {}));
  EXPECT_EQ(refused["allowed"], false);
  EXPECT_EQ(refused["status"]["code"], 422);
  EXPECT_EQ(refused["status"]["details"]["causes"][0]["field"], "spec.retry.attempts");
  EXPECT_EQ(refused["status"]["message"].get<std::string>().find("weft: spec.retry.attempts: "), 0U)
      << refused["status"]["message"];
  EXPECT_EQ(Response(Validate(ReviewOfResource("ServicePolicy", bad, "DELETE"), {}))["allowed"], true);
}

TEST(ValidateTest, TheMeshIsAskedAboutWhatIsGoodByItself) {
  const std::string good = R"({"metadata": {"name": "p", "namespace": "shop"},
                               "spec": {"targetRefs": [{"kind": "Service", "name": "cart"}]}})";
  std::string asked;
  Status says;
  const Check check = [&](const resource::DocumentPtr& document) {
    asked = document->Name();
    return says;
  };
  EXPECT_EQ(Response(Validate(ReviewOfResource("ServicePolicy", good), check))["allowed"], true);
  EXPECT_EQ(asked, "ServicePolicy shop/p");
  says = Invalid("is above spec.timeouts.request", "spec.timeouts.attempt");
  EXPECT_EQ(Response(Validate(ReviewOfResource("ServicePolicy", good), check))["allowed"], false);
  says = Error{ErrorKind::kUnavailable, "the store does not write", {}, {}};
  EXPECT_EQ(Response(Validate(ReviewOfResource("ServicePolicy", good), check))["allowed"], true);
}

TEST(ValidateTest, RoutesOfOtherControllersAndForeignKindsAreAllowed) {
  const std::string edge =
      R"({"metadata": {"name": "r"}, "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"filters": [{"type": "CORS"}]}]}})";
  EXPECT_EQ(Response(Validate(ReviewOfResource("HTTPRoute", edge), {}))["allowed"], true);
  EXPECT_EQ(Response(Validate(ReviewOfResource("Pod", "{}"), {}))["allowed"], true);
  for (const char* body :
       {"", "[]", "{}", R"({"request": {"uid": "u"}})", R"({"request": {"uid": "u", "kind": 7}})"})
    EXPECT_FALSE(Validate(body, {})) << body;
  for (const char* object : {"7", "null", "[]", R"({"spec": 7})", R"({"metadata": 7})"})
    EXPECT_EQ(Response(Validate(ReviewOfResource("ServicePolicy", object), {}))["allowed"], false) << object;
}

// An API server as far as one Secret and one webhook configuration go.
class FakeApi {
 public:
  FakeApi()
      : server_(http::Server::Listen(context_, {net::Ip::V4(127, 0, 0, 1), 0},
                                     http::Deferred([this](const http::Request& r) { return Serve(r); }))
                    .value()) {
    thread_ = std::thread([this] { context_.run(); });
  }
  ~FakeApi() {
    context_.stop();
    thread_.join();
  }
  kube::Config config() const {
    kube::Config out;
    out.server = {"127.0.0.1", server_->address().port};
    return out;
  }
  std::string Bundle(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return configuration_["webhooks"][index]["clientConfig"].value("caBundle", "");
  }
  Json secret() {
    const std::lock_guard lock(mutex_);
    return secret_;
  }
  void Update(Json secret) {
    const std::lock_guard lock(mutex_);
    secret_ = std::move(secret);
  }

 private:
  http::Response Serve(const http::Request& request) {
    const std::lock_guard lock(mutex_);
    const auto say = [](int status, const Json& body) {
      return http::Response{status, "application/json", body.dump()};
    };
    if (request.Path().find("/secrets") != std::string_view::npos) {
      if (request.method == "GET")
        return secret_.is_null() ? say(404, {{"message", "not found"}}) : say(200, secret_);
      Json sent = Json::parse(request.body);
      const std::string version = secret_.is_null() ? "" : secret_["metadata"].value("resourceVersion", "");
      if (request.method == "POST" && !secret_.is_null()) return say(409, {{"message", "exists"}});
      if (request.method == "PUT" && sent["metadata"].value("resourceVersion", "") != version)
        return say(409, {{"message", "conflict"}});
      sent["metadata"]["resourceVersion"] = version + "1";
      secret_ = sent;
      return say(200, secret_);
    }
    if (request.method == "PATCH") configuration_ = configuration_.patch(Json::parse(request.body));
    return say(200, configuration_);
  }
  boost::asio::io_context context_{1};
  std::mutex mutex_;
  Json secret_;
  Json configuration_ = Json::parse(
      R"({"webhooks": [{"name": "a", "clientConfig": {}}, {"name": "b", "clientConfig": {"caBundle": "b2xk"}}]})");
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

TEST(KeeperTest, CreatesTheSecretAndTellsTheApiServer) {
  FakeApi api;
  const kube::Client client(api.config());
  Keeper keeper(client, {.names = kNames});
  ASSERT_TRUE(keeper.Turn(kStart));
  const std::string chain = keeper.Now()->chain;
  const std::string ca = *kube::FromBase64(api.Bundle(0));
  EXPECT_EQ(api.Bundle(1), api.Bundle(0));
  EXPECT_TRUE(x509::Verify(chain, ca, kStart));
  Keeper second(client, {.names = kNames});  // a restart, or another replica
  ASSERT_TRUE(second.Turn(kStart + hours(1)));
  EXPECT_EQ(second.Now()->chain, chain);
  ASSERT_TRUE(second.Turn(kStart + hours(24 * 25)));
  EXPECT_NE(second.Now()->chain, chain);
  ASSERT_TRUE(keeper.Turn(kStart + hours(24 * 25)));
  EXPECT_EQ(keeper.Now()->chain, second.Now()->chain);
}

TEST(KeeperTest, ASecretThatWasDamagedIsMadeAnew) {
  FakeApi api;
  const kube::Client client(api.config());
  Keeper keeper(client, {.names = kNames});
  ASSERT_TRUE(keeper.Turn(kStart));
  Json damaged = api.secret();
  damaged["data"] = {{"ca.crt", "%%%"}, {"tls.crt", 7}};
  api.Update(damaged);
  ASSERT_TRUE(keeper.Turn(kStart + hours(1)));
  EXPECT_TRUE(x509::Verify(keeper.Now()->chain, *kube::FromBase64(api.Bundle(0)), kStart + hours(1)));
}

TEST(WebhookTest, AnswersOverTlsWithTheCertificateOfTheCaBundle) {
  FakeApi api;
  Options options;
  options.listen = {net::Ip::V4(127, 0, 0, 1), 0};
  options.keeper.names = kNames;
  Webhook webhook(api.config(), options);
  webhook.Start();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (webhook.port() == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_NE(webhook.port(), 0);
  const auto trust = http::tls::MakeClientContext(http::tls::Pem{{}, {}, *kube::FromBase64(api.Bundle(0))});
  ASSERT_TRUE(trust) << trust.error().Text();
  const auto post = [&](const std::string& path, const std::string& body) {
    http::Request request;
    request.method = "POST";
    request.target = path;
    request.body = body;
    return http::tls::Call(*trust, "weft-control.weft-system.svc", {"127.0.0.1", webhook.port()}, request);
  };
  const auto answer = post("/inject/namespace", ReviewOf(kPod));
  ASSERT_TRUE(answer) << answer.error().Text();
  EXPECT_TRUE(Json::parse(answer->body)["response"].contains("patch"));
  EXPECT_EQ(post("/inject/pod", "nonsense")->status, 400);
  EXPECT_EQ(post("/other", "")->status, 404);
  EXPECT_EQ(post("/validate", ReviewOfResource("Pod", "{}"))->status, 200);
  EXPECT_EQ(webhook.counts().allowed, 1U);
  EXPECT_EQ(webhook.counts().injected, 1U);
  EXPECT_EQ(webhook.counts().malformed, 1U);
}

}  // namespace
}  // namespace weft::webhook
