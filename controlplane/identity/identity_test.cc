#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/file/file.h"
#include "controlplane/identity/authority.h"

namespace weft::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const WallTime kStart = WallTime(hours(24 * 20000));

struct AuthorityTest : testing::Test {
  AuthorityTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-ca-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    settings.folder = folder + "/identity";
    settings.trust_domain = "mesh.local";
    settings.dns = {"localhost"};
    settings.ips = {"127.0.0.1"};
  }
  ~AuthorityTest() override { std::filesystem::remove_all(folder); }

  void Open() {
    ca.reset();
    auto opened = Authority::Open(settings, now);
    ASSERT_TRUE(opened) << opened.error().Text();
    ca = std::move(*opened);
    ca->TellTo(&events);
  }
  Result<Issued> Ask(const Applicant& who, const std::string& uri, const std::string& nonce = "n-1") {
    return ca->Issue(who, x509::MakeRequest(key, uri, nonce).value(), "n-1", now);
  }
  std::string Leaf() { return Ask(cart, kCart).value().chain; }
  MadeToken Token(Duration ttl = hours(1)) {
    return ca->MakeToken({"default", "cart", "", ttl, "ann"}, now).value();
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(file::Replace(folder + "/" + name, text));
  }
  // An external CA: a root and, below it, the one that issues; as files.
  std::string External(const std::string& name) {
    const x509::Key root_key = x509::Key::Generate().value();
    const std::string root =
        x509::MakeRoot(root_key, {name, {}, {}, {}, now - hours(1), now + hours(9000)}).value();
    Write("ca.pem", root);
    Write("ca.key", root_key.Pem());
    settings.ca_cert = folder + "/ca.pem";
    settings.ca_key = folder + "/ca.key";
    return root;
  }
  unsigned Mode(const std::string& path) {
    struct stat info {};
    ::stat(path.c_str(), &info);
    return info.st_mode & 0777U;
  }

  static constexpr const char* kCart = "spiffe://mesh.local/ns/default/sa/cart";
  const Applicant cart{"default", "cart", "", "cart-1"};
  const x509::Key key = x509::Key::Generate().value();
  std::string folder;
  Settings settings;
  WallTime now = kStart;
  events::Book events;
  std::unique_ptr<Authority> ca;
};

TEST_F(AuthorityTest, ACertificateIsOfItsApplicantForADayAndBeginsEarlier) {
  Open();
  const Issued issued = Ask(cart, kCart).value();
  EXPECT_EQ(issued.shown.until, now + hours(24));
  EXPECT_EQ(issued.shown.from, now - minutes(10));
  EXPECT_EQ(x509::Read(issued.chain)->uri, kCart);
  EXPECT_EQ(x509::Read(issued.chain)->serial, issued.shown.serial);
  EXPECT_TRUE(x509::CheckPair(issued.chain, key));
  for (const Duration skew : {-Duration(minutes(9)), Duration(0), Duration(hours(23))})
    EXPECT_TRUE(x509::Verify(issued.chain, ca->Bundle(), now + skew));
  EXPECT_EQ(ca->counts(now).renewals, 1U);
}

TEST_F(AuthorityTest, EachWrongRequestIsRefusedWithItsReason) {
  Open();
  const auto reason = [](const Result<Issued>& answer) {
    return answer ? std::string("issued") : answer.error().Text();
  };
  EXPECT_NE(
      reason(Ask(cart, "spiffe://mesh.local/ns/default/sa/bank")).find("the caller is " + std::string(kCart)),
      std::string::npos);
  EXPECT_NE(reason(Ask(cart, "spiffe://other/ns/default/sa/cart")).find("the caller is"), std::string::npos);
  EXPECT_NE(reason(Ask(cart, kCart, "n-0")).find("nonce"), std::string::npos);
  EXPECT_NE(reason(Ask(cart, kCart, "")).find("nonce"), std::string::npos);
  EXPECT_NE(reason(Ask({"default", "", "", "x"}, kCart)).find("of one service"), std::string::npos);
  EXPECT_NE(reason(ca->Issue(cart, "nonsense", "n-1", now)).find("PKCS#10"), std::string::npos);
  std::string forged = x509::MakeRequest(key, kCart, "n-1").value();
  forged.back() = static_cast<char>(forged.back() ^ 1);
  EXPECT_NE(reason(ca->Issue(cart, forged, "n-1", now)), "issued");
  EXPECT_EQ(ca->counts(now).refused, 7U);
  EXPECT_EQ(events.After(0).back().reason, "CertificateRefused");
}

TEST_F(AuthorityTest, NothingIsIssuedForAnEmptyNonceOfAStreamThatOfferedNone) {
  Open();
  EXPECT_FALSE(ca->Issue(cart, x509::MakeRequest(key, kCart, "").value(), "", now));
}

TEST_F(AuthorityTest, ARestartKeepsRootsAndTokensAndOthersCannotReadThem) {
  Open();
  const MadeToken token = Token();
  const std::string leaf = Leaf();
  Open();
  EXPECT_TRUE(x509::Verify(leaf, ca->Bundle(), now));
  EXPECT_EQ(ca->CheckToken(token.text, now)->service, "cart");
  EXPECT_EQ(Mode(settings.folder), 0700U);
  EXPECT_EQ(Mode(settings.folder + "/state.json"), 0600U);
  const std::string kept = file::Read(settings.folder + "/state.json", 1 << 20).value();
  EXPECT_EQ(kept.find(token.text.substr(token.text.rfind('-') + 1)), std::string::npos) << "only its hash";
  EXPECT_EQ(file::Read(settings.folder + "/roots.pem", 1 << 20).value(), ca->Bundle());
}

TEST_F(AuthorityTest, ADamagedStateIsNamedAndLeftAsItIs) {
  Open();
  const std::string path = settings.folder + "/state.json";
  for (const std::string damaged :
       {"", "{", "{}", R"({"version": 2})", R"({"version": 1, "trustDomain": "mesh.local",
         "roots": [{"pem": 1}], "tokens": []})"}) {
    ASSERT_TRUE(file::Replace(path, damaged));
    const auto refused = Authority::Open(settings, now);
    ASSERT_FALSE(refused) << damaged;
    EXPECT_NE(refused.error().Text().find(path), std::string::npos) << refused.error().Text();
    EXPECT_EQ(file::Read(path, 100).value(), damaged);
  }
}

TEST_F(AuthorityTest, AnotherTrustDomainIsRefused) {
  Open();
  settings.trust_domain = "other";
  EXPECT_FALSE(Authority::Open(settings, now));
}

TEST_F(AuthorityTest, ANewRootIsKnownBeforeItIssuesAndTheOldOneIsTrustedUntilItsLastCertificateEnds) {
  Open();
  const std::string before = Leaf(), old_bundle = ca->Bundle();
  ASSERT_TRUE(ca->Rotate(now));
  EXPECT_EQ(ca->generation(), 2U);
  EXPECT_EQ(ca->Rotate(now).error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(x509::Verify(Leaf(), old_bundle, now)) << "the old one issues for another hour";
  now += hours(1);
  ca->Tick(now);
  const std::string after = Leaf();
  EXPECT_FALSE(x509::Verify(after, old_bundle, now));
  for (Duration later = Duration(0); later < hours(23); later += hours(1)) {
    ca->Tick(now + later);
    EXPECT_TRUE(x509::Verify(after, ca->Bundle(), now + later));
    EXPECT_TRUE(x509::Verify(before, ca->Bundle(), now + later - hours(1)));
  }
  EXPECT_EQ(ca->ListRoots(now).size(), 2U);
  now += hours(25);
  ca->Tick(now);
  EXPECT_EQ(ca->ListRoots(now).size(), 1U);
  EXPECT_EQ(ca->generation(), 3U);
  EXPECT_FALSE(x509::Verify(before, ca->Bundle(), kStart)) << "its root is gone";
}

TEST_F(AuthorityTest, TheControlPlaneShowsTheRootThatEverybodyKnows) {
  Open();
  const std::string old_bundle = ca->Bundle();
  const auto first = ca->Serve(now);
  EXPECT_EQ(ca->Serve(now), first);
  ASSERT_TRUE(ca->Rotate(now));
  now += hours(2);
  ca->Tick(now);
  EXPECT_TRUE(x509::Verify(ca->Serve(now)->chain, old_bundle, now)) << "agents that were away know only it";
  EXPECT_TRUE(x509::Verify(Leaf(), ca->Serve(now)->roots, now));
  now += hours(24);
  ca->Tick(now);
  EXPECT_TRUE(x509::Verify(ca->Serve(now)->chain, ca->Bundle(), now));
  EXPECT_FALSE(x509::Verify(ca->Serve(now)->chain, old_bundle, now));
}

TEST_F(AuthorityTest, AnOwnRootFollowsItselfInTime) {
  settings.spans.root = hours(100);
  settings.spans.leaf = hours(5);
  Open();
  std::string held = Leaf();
  for (int hour = 0; hour < 400; ++hour) {
    now += hours(1);
    ca->Tick(now);
    if (hour % 3 == 0) held = Leaf();
    EXPECT_TRUE(x509::Verify(held, ca->Bundle(), now)) << "hour " << hour;
    EXPECT_TRUE(x509::Verify(ca->Serve(now)->chain, ca->Bundle(), now)) << "hour " << hour;
    EXPECT_LE(ca->ListRoots(now).size(), 2U);
  }
  EXPECT_GE(ca->counts(now).rotations, 4U);
}

TEST_F(AuthorityTest, AnExternalCaIssuesAndItsKeyIsNotKept) {
  const std::string root = External("corp");
  Open();
  EXPECT_TRUE(x509::Verify(Leaf(), root, now));
  EXPECT_EQ(file::Read(settings.folder + "/state.json", 1 << 20)->find("PRIVATE"), std::string::npos);
  EXPECT_FALSE(ca->Rotate(now));
  const std::string next = External("corp of next year");
  ca->Tick(now);
  EXPECT_TRUE(x509::Verify(Leaf(), root, now)) << "during the lead";
  now += hours(1);
  EXPECT_TRUE(x509::Verify(Leaf(), next, now));
  Write("ca.pem", "nonsense");
  ca->Tick(now);
  EXPECT_TRUE(x509::Verify(Leaf(), next, now)) << "what cannot be used changes nothing";
  EXPECT_EQ(events.After(0).back().reason, "CaUnusable");
}

TEST_F(AuthorityTest, AnExternalCaThatDoesNotFitIsNamed) {
  External("corp");
  Write("ca.key", x509::Key::Generate()->Pem());
  const auto refused = Authority::Open(settings, now);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().Text().find("not that of the certificate"), std::string::npos)
      << refused.error().Text();
  settings.ca_key = folder + "/none";
  EXPECT_NE(Authority::Open(settings, now).error().Text().find("none"), std::string::npos);
}

TEST_F(AuthorityTest, TokensEndAreRevokedAndBoundToTheirText) {
  Open();
  const MadeToken token = Token(minutes(5));
  EXPECT_EQ(ca->CheckToken(token.text, now)->ns, "default");
  std::string wrong = token.text;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  for (const std::string& text : {wrong, std::string("weft-join-"), token.text + "0", std::string()})
    EXPECT_EQ(ca->CheckToken(text, now).error().kind, ErrorKind::kUnauthenticated) << text;
  EXPECT_NE(ca->CheckToken(token.text, now + minutes(5)).error().detail.find("expired"), std::string::npos);
  ASSERT_TRUE(ca->RevokeToken(token.token.id, now));
  EXPECT_NE(ca->CheckToken(token.text, now).error().detail.find("revoked"), std::string::npos);
  EXPECT_EQ(ca->RevokeToken("000000000000", now).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(ca->ListTokens().size(), 1U);
  ca->Tick(now + hours(25));
  EXPECT_EQ(ca->ListTokens().size(), 0U) << "ended ones are forgotten";
}

TEST_F(AuthorityTest, AWrongTokenRequestNamesItsField) {
  Open();
  const auto field = [&](const TokenRequest& request) { return ca->MakeToken(request, now).error().field; };
  EXPECT_EQ(field({"Default", "cart", "", {}, ""}), "namespace");
  EXPECT_EQ(field({"default", "", "", {}, ""}), "service");
  EXPECT_EQ(field({"default", "cart", std::string(300, 'n'), {}, ""}), "node");
  EXPECT_EQ(field({"default", "cart", "", hours(721), ""}), "ttl");
  EXPECT_EQ(field({"default", "cart", "", -seconds(1), ""}), "ttl");
}

TEST_F(AuthorityTest, AJoinCountsOnItsToken) {
  Open();
  const MadeToken token = Token();
  ASSERT_TRUE(Ask({"default", "cart", token.token.id, "cart-1"}, kCart));
  EXPECT_EQ(ca->ListTokens()[0].uses, 1U);
  EXPECT_EQ(ca->counts(now).joins, 1U);
  ca->Tick(now);
  Open();
  EXPECT_EQ(ca->ListTokens()[0].uses, 1U) << "written with the next tick";
}

TEST_F(AuthorityTest, ATokenOfSoManyUsesEndsWithTheLastAlsoAfterACrash) {
  Open();
  const MadeToken token = ca->MakeToken({"default", "cart", "", hours(1), "ann", 2}, now).value();
  const Applicant joining{"default", "cart", token.token.id, "cart-1"};
  ASSERT_TRUE(ca->CheckToken(token.text, now));
  ASSERT_TRUE(Ask(joining, kCart));
  Open();  // without a tick between: what was given is on disk
  EXPECT_EQ(ca->CheckToken(token.text, now)->uses, 1U);
  ASSERT_TRUE(Ask(joining, kCart));
  EXPECT_NE(ca->CheckToken(token.text, now).error().detail.find("used up"), std::string::npos);
  const auto third = Ask(joining, kCart);  // of a stream that was let in before
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, ErrorKind::kUnauthenticated);
  EXPECT_EQ(ca->ListTokens()[0].uses, 2U);
  EXPECT_EQ(ca->ListTokens()[0].State(now), "used");
}

TEST_F(AuthorityTest, AUseThatCannotBeWrittenGivesNothingAndIsGivenBack) {
  Open();
  const MadeToken token = ca->MakeToken({"default", "cart", "", hours(1), "ann", 1}, now).value();
  const std::filesystem::path away = folder + "/away";
  std::filesystem::rename(settings.folder, away);
  EXPECT_FALSE(Ask({"default", "cart", token.token.id, "cart-1"}, kCart));
  std::filesystem::rename(away, settings.folder);
  EXPECT_TRUE(Ask({"default", "cart", token.token.id, "cart-1"}, kCart));
}

TEST_F(AuthorityTest, ATokenThatEndsWhileItsStreamIsOpenGivesNothing) {
  Open();
  const MadeToken token = Token(minutes(5));
  const Applicant joining{"default", "cart", token.token.id, "cart-1"};
  ASSERT_TRUE(ca->RevokeToken(token.token.id, now));
  EXPECT_NE(Ask(joining, kCart).error().detail.find("revoked"), std::string::npos);
  EXPECT_EQ(ca->ListTokens()[0].uses, 0U);
}

TEST_F(AuthorityTest, ARevokedCertificateIsRefusedAndNotRenewedAlsoAfterARestart) {
  Open();
  const auth::Shown mine = Ask(cart, kCart)->shown, other = Ask(cart, kCart)->shown;
  EXPECT_TRUE(ca->CheckShown(mine));
  std::string as_openssl_prints;
  for (std::size_t i = 0; i < mine.serial.size(); ++i) {
    if (i > 0 && i % 2 == 0) as_openssl_prints += ':';
    as_openssl_prints += static_cast<char>(std::toupper(mine.serial[i]));
  }
  const Revocation made = ca->Revoke({as_openssl_prints, {}, "stolen", "ann"}, now).value();
  EXPECT_EQ(ca->revoked(), 1U);
  Open();
  const Status refused = ca->CheckShown(mine);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnauthenticated);
  EXPECT_NE(refused.error().detail.find("(stolen)"), std::string::npos) << refused.error().detail;
  EXPECT_TRUE(ca->CheckShown(other)) << "another one of the same holder";
  Applicant renewing = cart;
  renewing.shown = mine;
  EXPECT_EQ(Ask(renewing, kCart).error().kind, ErrorKind::kUnauthenticated);
  now += hours(24 * 300);
  ca->Tick(now);
  EXPECT_FALSE(ca->CheckShown(mine)) << "a serial number stays until it is taken back";
  ASSERT_TRUE(ca->TakeBack(made.id));
  EXPECT_TRUE(ca->CheckShown(mine));
  EXPECT_EQ(ca->TakeBack(made.id).error().kind, ErrorKind::kNotFound);
}

TEST_F(AuthorityTest, ARevokedIdLosesItsCertificatesAndTokensAndMayJoinAnew) {
  Open();
  const auth::Shown before = Ask(cart, kCart)->shown;
  const MadeToken token = Token();
  const auth::Shown bank = Ask({"default", "bank", "", "b"}, "spiffe://mesh.local/ns/default/sa/bank")->shown;
  ASSERT_TRUE(ca->Revoke({{}, kCart, {}, "ann"}, now));
  EXPECT_FALSE(ca->CheckShown(before));
  EXPECT_TRUE(ca->CheckShown(bank));
  EXPECT_NE(ca->CheckToken(token.text, now).error().detail.find("revoked"), std::string::npos);
  const MadeToken anew = Token();
  const auth::Shown after = Ask({"default", "cart", anew.token.id, "cart-1"}, kCart)->shown;
  EXPECT_TRUE(ca->CheckShown(after)) << "issued in the same second, yet later";
  ca->Tick(now + kLongestLeaf + seconds(1));
  EXPECT_EQ(ca->ListRevocations().size(), 0U) << "every certificate of before has ended";
}

TEST_F(AuthorityTest, AWrongRevocationNamesItsField) {
  Open();
  const auto field = [&](const RevocationRequest& request) { return ca->Revoke(request, now).error().field; };
  EXPECT_EQ(field({{}, {}, {}, "ann"}), "serial");
  EXPECT_EQ(field({"0a", kCart, {}, "ann"}), "serial");
  EXPECT_EQ(field({"no number", {}, {}, "ann"}), "serial");
  EXPECT_EQ(field({std::string(41, 'a'), {}, {}, "ann"}), "serial");
  EXPECT_EQ(field({{}, "spiffe://other/ns/default/sa/cart", {}, "ann"}), "spiffe");
  EXPECT_EQ(field({"0a", {}, std::string(257, 'r'), "ann"}), "reason");
  EXPECT_EQ(ca->revoked(), 0U);
}

TEST_F(AuthorityTest, AStateOfBeforeRevocationsIsRead) {
  Open();
  const std::string path = settings.folder + "/state.json";
  std::string text = file::Read(path, 1 << 20).value();
  const std::string added = ",\n \"revocations\": []";
  ASSERT_NE(text.find(added), std::string::npos);
  text.erase(text.find(added), added.size());
  ASSERT_TRUE(file::Replace(path, text));
  Open();
  EXPECT_TRUE(ca->ListRevocations().empty());
}

TEST_F(AuthorityTest, WhatCannotBeWrittenIsNotGiven) {
  Open();
  std::filesystem::remove_all(settings.folder);
  EXPECT_FALSE(ca->MakeToken({"default", "cart", "", {}, ""}, now));
  EXPECT_FALSE(ca->Rotate(now));
  EXPECT_FALSE(ca->Revoke({{}, kCart, {}, "ann"}, now));
  EXPECT_TRUE(ca->ListRevocations().empty());
  EXPECT_EQ(ca->ListRoots(now).size(), 1U);
  EXPECT_TRUE(Ask(cart, kCart)) << "certificates need no disk";
}

}  // namespace
}  // namespace weft::identity
