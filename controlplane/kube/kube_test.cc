#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "common/http/server.h"
#include "common/x509/certificate.h"
#include "controlplane/kube/base64.h"
#include "controlplane/kube/token_review.h"

namespace weft::kube {
namespace {

TEST(Base64Test, ThereAndBackForEveryLength) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(*FromBase64(ToBase64(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(ToBase64("weft"), "d2VmdA==");
  EXPECT_EQ(*FromBase64("d2Vm\ndA=="), "weft");
  EXPECT_FALSE(FromBase64("d2Vmd%=="));
  EXPECT_FALSE(FromBase64("d2V"));
}

class Kubeconfig : public testing::Test {
 protected:
  std::string Write(const std::string& cluster, const std::string& user) {
    const std::string path = testing::TempDir() + "/kubeconfig";
    std::ofstream(path)
        << "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]\n"
        << "clusters: [{name: k, cluster: {" << cluster << "}}]\nusers: [{name: u, user: {" << user
        << "}}]\n";
    return path;
  }
  std::string ErrorOf(const std::string& cluster, const std::string& user) {
    const auto config = FromKubeconfig(Write(cluster, user));
    return config ? "accepted" : config.error().Text();
  }
};

TEST_F(Kubeconfig, TokenAndNamespaceOfTheCurrentContext) {
  const auto config = FromKubeconfig(Write("server: 'http://127.0.0.1:8080'", "token: secret"));
  ASSERT_TRUE(config) << config.error().Text();
  EXPECT_EQ(config->server.port, 8080);
  EXPECT_EQ(config->token, "secret");
  EXPECT_EQ(config->ns, "shop");
  EXPECT_EQ(config->tls, nullptr);
}

TEST_F(Kubeconfig, ClientCertificateAsData) {
  const auto key = x509::Key::Generate();
  const WallTime now = ReadWallClock();
  const auto root = x509::MakeRoot(*key, {"ca", {}, {}, {}, now, now + std::chrono::hours(1)});
  const auto leaf =
      x509::MakeLeaf(*root, *key, *key, {"admin", {}, {}, {}, now, now + std::chrono::hours(1)});
  const auto config = FromKubeconfig(
      Write("server: 'https://127.0.0.1:6443', certificate-authority-data: " + ToBase64(*root),
            "client-certificate-data: " + ToBase64(*leaf) + ", client-key-data: " + ToBase64(key->Pem())));
  ASSERT_TRUE(config) << config.error().Text();
  EXPECT_NE(config->tls, nullptr);
}

TEST_F(Kubeconfig, WhatCannotBeUsedIsNamed) {
  EXPECT_NE(ErrorOf("server: 'https://127.0.0.1:1', certificate-authority-data: '%%'", "token: x")
                .find("certificate-authority-data"),
            std::string::npos);
  EXPECT_NE(ErrorOf("server: 'http://127.0.0.1:1'", "exec: {command: x}").find("users[].user.exec"),
            std::string::npos);
  EXPECT_NE(ErrorOf("server: 'https://127.0.0.1:1', certificate-authority: /nowhere/ca.crt", "token: x")
                .find("/nowhere/ca.crt"),
            std::string::npos);
  EXPECT_NE(FromKubeconfig("/nowhere/config").error().Text().find("/nowhere/config"), std::string::npos);
  EXPECT_NE(
      InCluster([](const char*) { return std::nullopt; }).error().Text().find("KUBERNETES_SERVICE_HOST"),
      std::string::npos);
}

// Knows the tokens "good" of shop/cart and "root" of weft-system/weft-admin.
class FakeReviews {
 public:
  FakeReviews()
      : server_(http::Server::Listen(context_, {net::Ip::V4(127, 0, 0, 1), 0},
                                     http::Deferred([this](const http::Request& r) { return Serve(r); }))
                    .value()) {
    thread_ = std::thread([this] { context_.run(); });
  }
  ~FakeReviews() {
    context_.stop();
    thread_.join();
  }
  Config config() const {
    Config out;
    out.server = {"127.0.0.1", server_->address().port};
    return out;
  }
  std::atomic<int> asked{0};
  std::atomic<bool> away{false};
  std::atomic<bool> other_audience{false};

 private:
  http::Response Serve(const http::Request& request) {
    ++asked;
    if (away) return http::Text(503, "away");
    const Json body = Json::parse(request.body);
    const std::string token = body["spec"]["token"];
    Json status = {{"authenticated", token == "good" || token == "root"}};
    status["user"]["username"] =
        token == "root" ? "system:serviceaccount:weft-system:weft-admin" : "system:serviceaccount:shop:cart";
    status["audiences"] = other_audience ? Json{"other"} : body["spec"]["audiences"];
    return {201, "application/json", Json{{"status", status}}.dump()};
  }
  boost::asio::io_context context_{1};
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

class TokenReviewTest : public testing::Test {
 protected:
  Result<auth::Principal> Show(const std::string& authorization, const char* peer = "10.0.0.7:1") {
    return who->Authenticate({authorization, *net::Address::Parse(peer)});
  }
  FakeReviews api;
  TimePoint now{std::chrono::hours(1)};
  std::unique_ptr<auth::Authenticator> who =
      MakeTokenReview(api.config(), {"weft-control", {"weft-system/weft-admin"}, [this] { return now; }});
};

TEST_F(TokenReviewTest, ServiceAccountsAreAgentsAndTheListedOnesAdmins) {
  EXPECT_EQ(Show("Bearer good")->role, auth::Role::kAgent);
  EXPECT_EQ(Show("Bearer good")->name, "shop/cart");
  EXPECT_EQ(Show("Bearer root")->role, auth::Role::kAdmin);
  EXPECT_EQ(Show("Bearer bad").error().kind, ErrorKind::kUnauthenticated);
  EXPECT_FALSE(Show(""));
  EXPECT_EQ(Show("", "127.0.0.1:9")->role, auth::Role::kAdmin);
  EXPECT_FALSE(Show("Bearer bad", "127.0.0.1:9")) << "a token is judged wherever it comes from";
}

TEST_F(TokenReviewTest, ATokenForSomebodyElseIsRefused) {
  api.other_audience = true;
  EXPECT_NE(Show("Bearer good").error().detail.find("audience"), std::string::npos);
}

TEST_F(TokenReviewTest, AnAnswerIsBelievedForAMinuteAndAnHourWhileTheServerIsAway) {
  ASSERT_TRUE(Show("Bearer good"));
  ASSERT_TRUE(Show("Bearer good"));
  EXPECT_EQ(api.asked, 1);
  now += std::chrono::seconds(61);
  ASSERT_TRUE(Show("Bearer good"));
  EXPECT_EQ(api.asked, 2);
  api.away = true;
  now += std::chrono::minutes(30);
  EXPECT_TRUE(Show("Bearer good"));
  EXPECT_FALSE(Show("Bearer root")) << "never seen";
  now += std::chrono::minutes(31);
  EXPECT_FALSE(Show("Bearer good"));
}

}  // namespace
}  // namespace weft::kube
