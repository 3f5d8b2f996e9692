#include "controlplane/auth/auth.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace weft::auth {
namespace {

class TokenFileTest : public testing::Test {
 protected:
  ~TokenFileTest() override { std::filesystem::remove(path); }
  void Write(const std::string& text) {  // a new inode, so that a change within the clock's grain is seen
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  }
  Result<std::unique_ptr<Authenticator>> Make() {
    return MakeTrusted({path, "mesh.local"}, [this](const Error& error) { warning = error.Text(); });
  }
  static Credentials Bearer(std::string_view header) { return {header, {net::Ip::V4(10, 0, 0, 1), 5}}; }

  std::string path = testing::TempDir() + "weft-tokens-" + std::to_string(getpid());
  std::string warning;
};

TEST_F(TokenFileTest, ATokenGivesItsNameAndRole) {
  Write("# tokens\nsecret-one alice editor\nsecret-two cart agent  # an agent\n");
  auto auth = Make().value();
  EXPECT_EQ(auth->Authenticate(Bearer("Bearer secret-one"))->name, "alice");
  EXPECT_EQ(auth->Authenticate(Bearer("Bearer secret-two"))->role, Role::kAgent);
  EXPECT_EQ(auth->Authenticate(Bearer("Bearer secret-onf")).error().kind, ErrorKind::kUnauthenticated);
  EXPECT_EQ(auth->Authenticate(Bearer("Basic secret-one")).error().kind, ErrorKind::kUnauthenticated);
  EXPECT_EQ(auth->Authenticate(Bearer("")).error().kind, ErrorKind::kUnauthenticated);
}

TEST_F(TokenFileTest, AChangedFileIsReadAgainAndABrokenOneKeepsTheLastGood) {
  Write("secret-one alice editor\n");
  auto auth = Make().value();
  Write("secret-two bob viewer\n");
  EXPECT_FALSE(auth->Authenticate(Bearer("Bearer secret-one")));
  EXPECT_TRUE(auth->Authenticate(Bearer("Bearer secret-two")));
  Write("nonsense\n");
  EXPECT_TRUE(auth->Authenticate(Bearer("Bearer secret-two")));
  EXPECT_NE(warning.find(path + ":1"), std::string::npos);
}

TEST_F(TokenFileTest, ABrokenFileNamesItsLine) {
  Write("secret-one alice king\n");
  EXPECT_NE(Make().error().Text().find(":1: 'king' is no role"), std::string::npos) << Make().error().Text();
  Write("");
  EXPECT_NE(Make().error().Text().find("holds no token"), std::string::npos);
  Write("short a admin\n");
  EXPECT_FALSE(Make());
  std::filesystem::remove(path);
  EXPECT_FALSE(Make());
}

TEST_F(TokenFileTest, ACertificateIsWhomTheFileSaysOrAnAgentOfItsService) {
  Write("secret-one alice editor\ncert:ops ann admin\n");
  auto auth = Make().value();
  const auto shown = [](std::string_view spiffe, std::string_view name) {
    return Credentials{{}, {net::Ip::V4(10, 0, 0, 1), 5}, spiffe, name};
  };
  EXPECT_EQ(auth->Authenticate(shown({}, "ops"))->role, Role::kAdmin);
  EXPECT_EQ(auth->Authenticate(shown({}, "ops"))->peer, "10.0.0.1:5");
  EXPECT_EQ(auth->Authenticate(shown({}, "other")).error().kind, ErrorKind::kForbidden);
  const Principal cart = auth->Authenticate(shown("spiffe://mesh.local/ns/shop/sa/cart", "x")).value();
  EXPECT_EQ(cart.role, Role::kAgent);
  EXPECT_TRUE(MaySpeakFor(cart, "shop", "cart"));
  EXPECT_FALSE(MaySpeakFor(cart, "shop", "stock"));
  EXPECT_FALSE(MaySpeakFor(cart, "default", "cart"));
  for (const char* wrong :
       {"spiffe://other/ns/shop/sa/cart", "spiffe://mesh.local/ns/shop", "spiffe://mesh.local/ns//sa/x",
        "spiffe://mesh.local/ns/a/sa/b/c", "spiffe://mesh.local.evil/ns/shop/sa/cart"})
    EXPECT_EQ(auth->Authenticate(shown(wrong, "x")).error().kind, ErrorKind::kForbidden) << wrong;
  EXPECT_FALSE(auth->Authenticate(Bearer("Bearer cert:ops"))) << "a subject is no secret";
}

TEST(AuthTest, WithoutCredentialsOnlyLoopbackPeersAreServed) {
  auto auth = MakeLoopback();
  EXPECT_EQ(auth->Authenticate({"", {net::Ip::V4(127, 0, 0, 2), 1}})->role, Role::kAdmin);
  EXPECT_FALSE(auth->Authenticate({"", {net::Ip::V4(10, 0, 0, 2), 1}}));
  EXPECT_TRUE(MakeInsecure()->Authenticate({"", {net::Ip::V4(10, 0, 0, 2), 1}}));
}

TEST(AuthTest, ListeningElsewhereNeedsCredentialsOrTheWord) {
  const net::Address open{net::Ip::V4(0, 0, 0, 0), 15014}, local{net::Ip::V4(127, 0, 0, 1), 15014};
  EXPECT_FALSE(CheckExposure(open, false, false, "--http-listen"));
  EXPECT_TRUE(CheckExposure(open, true, false, "--http-listen"));
  EXPECT_TRUE(CheckExposure(open, false, true, "--http-listen"));
  EXPECT_TRUE(CheckExposure(local, false, false, "--http-listen"));
}

TEST(AuthTest, ARoleIncludesTheLesserOnes) {
  EXPECT_TRUE(Require({"a", Role::kAdmin}, Role::kEditor));
  EXPECT_EQ(Require({"a", Role::kViewer}, Role::kEditor).error().kind, ErrorKind::kForbidden);
  EXPECT_FALSE(Require({"a", Role::kAgent}, Role::kEditor));
}

}  // namespace
}  // namespace weft::auth
