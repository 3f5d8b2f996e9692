#include "agent/identity/keeper.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "agent/cold/driven_cold.h"
#include "agent/identity/seal.h"
#include "common/file/file.h"
#include "common/x509/certificate.h"
#include "common/x509/request.h"

namespace weft::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kUri = "spiffe://mesh.local/ns/default/sa/cart";

struct Ca {
  explicit Ca(WallTime now)
      : key(x509::Key::Generate().value()),
        root(x509::MakeRoot(key, {"mesh", {}, {}, {}, now - hours(1), now + hours(9000)}).value()) {}
  Answer Sign(const std::string& csr, WallTime now, Duration life = hours(24),
              const std::string& uri = kUri) const {
    const x509::Request asked = x509::ReadRequest(csr).value();
    return {x509::MakeLeaf(root, key, asked.public_key, {"cart", uri, {}, {}, now - minutes(10), now + life})
                .value(),
            life, ""};
  }
  x509::Key key;
  std::string root;
};

struct KeeperTest : testing::Test {
  KeeperTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-keeper-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    options.ns = "default";
    options.service = "cart";
    options.join_token = "weft-join-1";
    options.secret = std::string(32, 's');
  }
  ~KeeperTest() override { std::filesystem::remove_all(folder); }

  void Make() {
    keeper = std::make_unique<Keeper>(cold, options);
    keeper->source().Watch([this] { ++changes; });
    KeeperHooks hooks;
    hooks.send = [this](std::string csr) { sent.push_back(std::move(csr)); };
    hooks.joined = [this] { ++joined; };
    hooks.log = [this](bool problem, const std::string& text) { (problem ? problems : news) += text + "\n"; };
    keeper->Start(std::move(hooks));
  }
  void OfferOne() { keeper->OnOffer({"mesh.local", ca.root, "nonce-" + std::to_string(++offers)}); }
  void AnswerWell(Duration life = hours(24)) {
    keeper->OnAnswer(ca.Sign(sent.back(), cold.WallNow() - cold.skew, life));
  }
  void Join() {
    OfferOne();
    AnswerWell();
    OfferOne();
  }

  cold::DrivenCold cold;
  Ca ca{cold.WallNow()};
  KeeperOptions options;
  std::unique_ptr<Keeper> keeper;
  std::vector<std::string> sent;
  std::string problems, news, folder;
  int joined = 0, changes = 0, offers = 0;
};

TEST_F(KeeperTest, AFirstOfferIsAnsweredByARequestAndItsCertificateIsShown) {
  Make();
  EXPECT_EQ(keeper->JoinToken().value(), "weft-join-1");
  EXPECT_FALSE(keeper->Holds());
  OfferOne();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(x509::ReadRequest(sent[0])->uri, kUri);
  EXPECT_EQ(x509::ReadRequest(sent[0])->nonce, "nonce-1");
  AnswerWell();
  EXPECT_EQ(joined, 1);
  EXPECT_EQ(changes, 1);
  ASSERT_TRUE(keeper->Holds());
  EXPECT_EQ(keeper->source().Now()->uri, kUri);
  EXPECT_EQ(keeper->source().Now()->roots, ca.root);
  EXPECT_NE(problems.find("a restart needs the control plane"), std::string::npos) << "nothing keeps it";
}

TEST_F(KeeperTest, ItIsRenewedAtTwoThirdsOfItsLifeGiveOrTakeATenthWithAKeyOfItsOwn) {
  std::set<std::int64_t> moments;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    options.seed = seed;
    sent.clear();
    Make();
    Join();
    const std::string before = keeper->source().Now()->key;
    cold.Advance(hours(14));
    EXPECT_EQ(sent.size(), 1U);
    int waited = 0;
    for (; sent.size() == 1 && waited < 1000; ++waited) cold.Advance(seconds(20));
    EXPECT_LE(waited, 4 * 60 * 3);
    moments.insert(waited);
    AnswerWell();
    EXPECT_NE(keeper->source().Now()->key, before);
    EXPECT_EQ(joined, 1) << "the stream goes on";
    joined = 0;
  }
  EXPECT_GT(moments.size(), 10U) << "agents do not come together";
}

TEST_F(KeeperTest, WithoutAStreamTheRequestWaitsForTheNextOffer) {
  Make();
  Join();
  keeper->OnStreamDown();
  cold.Advance(hours(20));
  EXPECT_EQ(sent.size(), 1U);
  EXPECT_TRUE(keeper->Holds());
  OfferOne();
  EXPECT_EQ(sent.size(), 2U);
  keeper->OnStreamDown();
  OfferOne();
  EXPECT_EQ(sent.size(), 3U) << "an answer that never came is asked for again";
  cold.Advance(hours(4));
  EXPECT_FALSE(keeper->Holds()) << "it has ended";
}

TEST_F(KeeperTest, NewRootsCountAtOnceAndCostNoCertificate) {
  Make();
  Join();
  const Ca next(cold.WallNow());
  keeper->OnOffer({"mesh.local", ca.root + next.root, "n"});
  EXPECT_EQ(keeper->source().Now()->roots, ca.root + next.root);
  EXPECT_EQ(sent.size(), 1U);
  EXPECT_EQ(changes, 2);
  keeper->OnOffer({"mesh.local", "nonsense", "n"});
  EXPECT_EQ(keeper->source().Now()->roots, ca.root + next.root);
}

TEST_F(KeeperTest, RevocationsCountAtOnceAndOutliveARestart) {
  options.cache_path = folder + "/identity";
  Make();
  Join();
  const auto revoked = x509::MakeRevoked({{"0a", {}, {}}, {{}, kUri, cold.WallNow()}});
  keeper->OnOffer({"mesh.local", ca.root, "n", revoked});
  EXPECT_EQ(changes, 2);
  EXPECT_TRUE(IsSame(keeper->source().Now()->revoked, revoked));
  keeper->OnOffer({"mesh.local", ca.root, "n", x509::MakeRevoked(revoked->all())});
  EXPECT_EQ(changes, 2) << "the same again is no change";
  Make();
  ASSERT_TRUE(keeper->Holds()) << problems;
  EXPECT_TRUE(IsSame(keeper->source().Now()->revoked, revoked));
  keeper->OnOffer({"mesh.local", ca.root, "n"});
  EXPECT_EQ(keeper->source().Now()->revoked, nullptr) << "taken back";
}

TEST_F(KeeperTest, ARefusalLeavesWhatIsHeldAndIsNotRepeatedAtOnce) {
  Make();
  OfferOne();
  keeper->OnAnswer({"", {}, "the join token is for another"});
  OfferOne();
  EXPECT_EQ(sent.size(), 1U);
  EXPECT_NE(problems.find("the join token is for another"), std::string::npos);
  cold.Advance(seconds(1));
  EXPECT_EQ(sent.size(), 2U);
  AnswerWell();
  EXPECT_TRUE(keeper->Holds());
  EXPECT_EQ(keeper->status().refused, 1U);
  EXPECT_EQ(keeper->status().last_refusal, "");
}

TEST_F(KeeperTest, ACertificateThatIsNotOursOrNotOfTheRootsIsNotUsed) {
  const Ca other(cold.WallNow());
  const x509::Key thief = x509::Key::Generate().value();
  Make();
  const auto refuses = [&](const std::function<Answer()>& answer, const char* why) {
    const std::uint64_t before = keeper->status().refused;
    OfferOne();
    cold.Advance(seconds(1));
    keeper->OnAnswer(answer());
    EXPECT_EQ(keeper->status().refused, before + 1) << why;
    EXPECT_FALSE(keeper->Holds()) << why;
  };
  const WallTime now = cold.WallNow();
  refuses([&] { return other.Sign(sent.back(), now); }, "another root");
  refuses([&] { return ca.Sign(sent.back(), now, hours(24), "spiffe://mesh.local/ns/default/sa/bank"); },
          "name");
  refuses([&] { return ca.Sign(x509::MakeRequest(thief, kUri, "x").value(), now); }, "another key");
  refuses([&] { return ca.Sign(sent.back(), now, -hours(1)); }, "ended");
  refuses([] { return Answer{"nonsense", hours(1), ""}; }, "no certificate");
  const std::size_t asked = sent.size();
  keeper->OnAnswer({"nobody asked", hours(1), ""});
  EXPECT_EQ(sent.size(), asked);
}

TEST_F(KeeperTest, AWrongClockOfOursDoesNotMatterWhileWeRun) {
  for (const Duration skew : {-Duration(hours(2)), Duration(hours(100))}) {
    sent.clear();
    cold.skew = skew;
    Make();
    Join();
    EXPECT_TRUE(keeper->Holds());
    cold.Advance(hours(18));
    EXPECT_EQ(sent.size(), 2U);
  }
}

TEST_F(KeeperTest, AnAnswerThatDoesNotComeIsGivenUp) {
  Make();
  OfferOne();
  cold.Advance(seconds(29));
  EXPECT_EQ(keeper->status().refused, 0U);
  cold.Advance(seconds(1));
  EXPECT_EQ(keeper->status().refused, 1U);
  OfferOne();
  cold.Advance(minutes(1));
  EXPECT_EQ(sent.size(), 2U);
}

TEST_F(KeeperTest, ARestartWithoutAControlPlaneStillHasItsIdentity) {
  options.cache_path = folder + "/identity";
  Make();
  EXPECT_EQ(problems, "");
  Join();
  const MaterialPtr before = keeper->source().Now();
  const std::string kept = file::Read(options.cache_path, 1 << 20).value();
  EXPECT_EQ(kept.find("PRIVATE"), std::string::npos);
  EXPECT_EQ(kept.find("spiffe"), std::string::npos);
  options.join_token.clear();
  Make();
  EXPECT_TRUE(keeper->Holds());
  EXPECT_EQ(keeper->source().Now()->key, before->key);
  EXPECT_FALSE(keeper->JoinToken());
  const std::size_t asked = sent.size();
  OfferOne();
  EXPECT_EQ(sent.size(), asked) << "it is not due";
  cold.Advance(hours(24));
  EXPECT_EQ(sent.size(), asked + 1);
  Make();
  EXPECT_FALSE(keeper->Holds());
  EXPECT_NE(problems.find("ended at"), std::string::npos);
}

TEST_F(KeeperTest, ASealedIdentityOpensWithItsSecretAlone) {
  options.cache_path = folder + "/identity";
  Make();
  Join();
  const std::string sealed = file::Read(options.cache_path, 1 << 20).value();
  struct stat info {};
  ::stat(options.cache_path.c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_TRUE(Unseal(sealed, options.secret));
  EXPECT_FALSE(Unseal(sealed, std::string(32, 't')));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 0x40);
    EXPECT_FALSE(Unseal(changed, options.secret)) << i;
    EXPECT_FALSE(Unseal(sealed.substr(0, i), options.secret)) << i;
  }
  ASSERT_TRUE(file::Replace(options.cache_path, sealed.substr(1)));
  Make();
  EXPECT_FALSE(keeper->Holds());
  EXPECT_EQ(keeper->status().cache_failures, 1U);
  Join();
  EXPECT_TRUE(Unseal(file::Read(options.cache_path, 1 << 20).value(), options.secret)) << "it was replaced";
}

TEST_F(KeeperTest, ASecretThatIsTooShortOrMissingSaysHowToMakeOne) {
  EXPECT_NE(ReadSecret(folder + "/none").error().Text().find("/dev/urandom"), std::string::npos);
  ASSERT_TRUE(file::Replace(folder + "/short", "secret"));
  EXPECT_NE(ReadSecret(folder + "/short").error().Text().find("less than 32 bytes"), std::string::npos);
  ASSERT_TRUE(file::Replace(folder + "/good", std::string(32, 'x')));
  EXPECT_EQ(ReadSecret(folder + "/good").value(), std::string(32, 'x'));
}

TEST_F(KeeperTest, WithoutATokenAndWithoutACacheItSaysHowToGetOne) {
  options.join_token.clear();
  Make();
  EXPECT_NE(keeper->JoinToken().error().Text().find("create-token default/cart"), std::string::npos);
  options.join_token_file = folder + "/token";
  Make();
  EXPECT_NE(keeper->JoinToken().error().Text().find(options.join_token_file), std::string::npos);
  ASSERT_TRUE(file::Replace(options.join_token_file, " weft-join-2\n"));
  EXPECT_EQ(keeper->JoinToken().value(), "weft-join-2");
}

}  // namespace
}  // namespace weft::identity
