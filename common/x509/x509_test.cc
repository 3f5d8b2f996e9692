#include <gtest/gtest.h>

#include "common/x509/certificate.h"
#include "common/x509/request.h"

namespace weft::x509 {
namespace {

using std::chrono::hours;

constexpr const char* kUri = "spiffe://mesh.local/ns/default/sa/cart";
const WallTime kNow = WallTime(hours(24 * 20000));

struct Ca {
  explicit Ca(const std::string& name)
      : key(Key::Generate().value()),
        pem(MakeRoot(key, {name, {}, {}, {}, kNow - hours(1), kNow + hours(1000)}).value()) {}
  std::string Leaf(const Key& owner, hours from = -hours(1), hours to = hours(24)) const {
    return MakeLeaf(pem, key, owner, {"cart", kUri, {"cart.example"}, {"10.0.0.7"}, kNow + from, kNow + to})
        .value();
  }
  Key key;
  std::string pem;
};

TEST(CertificateTest, ALeafSaysWhoseItIsAndLeadsToItsRoot) {
  const Ca ca("mesh");
  const Key owner = Key::Generate().value();
  const std::string leaf = ca.Leaf(owner);
  const Certificate read = Read(leaf).value();
  EXPECT_EQ(read.uri, kUri);
  EXPECT_EQ(read.common_name, "cart");
  EXPECT_EQ(read.not_after, kNow + hours(24));
  EXPECT_FALSE(read.is_ca);
  EXPECT_TRUE(Read(ca.pem)->is_ca);
  EXPECT_TRUE(Verify(leaf, ca.pem, kNow));
  EXPECT_TRUE(CheckPair(leaf, owner));
  EXPECT_FALSE(CheckPair(leaf, ca.key));
  EXPECT_NE(read.fingerprint, Read(ca.Leaf(owner))->fingerprint) << "each has a serial number of its own";
  EXPECT_EQ(read.serial.size(), 32U) << read.serial;
  EXPECT_NE(read.serial, Read(ca.Leaf(owner))->serial);
}

TEST(CertificateTest, ABriefLookSaysTheSameAndRefusesWhatIsCutOff) {
  const Ca ca("mesh");
  for (int i = 0; i < 20; ++i) {
    const std::string leaf = ca.Leaf(Key::Generate().value());
    const Certificate read = Read(leaf).value();
    const Brief brief = ReadBrief(leaf).value();
    EXPECT_EQ(brief.serial, read.serial);
    EXPECT_EQ(brief.not_before, read.not_before);
    EXPECT_EQ(brief.not_after, read.not_after);
  }
  const std::string whole = "-----BEGIN CERTIFICATE-----\n", end = "\n-----END CERTIFICATE-----\n";
  EXPECT_FALSE(ReadBrief(""));
  EXPECT_FALSE(ReadBrief(whole + "MAA=" + end)) << "an empty sequence";
  EXPECT_FALSE(ReadBrief(whole + "MIIBAjCB" + end)) << "lengths beyond what is there";
  EXPECT_FALSE(ReadBrief(whole + "AgEA" + end)) << "a number";
}

TEST(CertificateTest, AnotherRootOrAnotherTimeIsRefusedWithItsReason) {
  const Ca ca("mesh"), other("mesh");
  const std::string leaf = ca.Leaf(Key::Generate().value());
  EXPECT_FALSE(Verify(leaf, other.pem, kNow)) << "of the same name, but another key";
  EXPECT_TRUE(Verify(leaf, other.pem + ca.pem, kNow));
  EXPECT_EQ(Verify(leaf, ca.pem, kNow + hours(25)).error().detail, "certificate has expired");
  EXPECT_EQ(Verify(leaf, ca.pem, kNow - hours(2)).error().detail, "certificate is not yet valid");
}

TEST(CertificateTest, ALeafSignsNoOther) {
  const Ca ca("mesh");
  const Key owner = Key::Generate().value(), thief = Key::Generate().value();
  const std::string leaf = ca.Leaf(owner);
  const std::string forged =
      MakeLeaf(leaf, owner, thief, {"x", kUri, {}, {}, kNow - hours(1), kNow + hours(1)}).value();
  EXPECT_FALSE(Verify(forged + leaf, ca.pem, kNow));
}

TEST(CertificateTest, TextThatHoldsNoneIsAnError) {
  EXPECT_FALSE(Read(""));
  EXPECT_FALSE(Read("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  EXPECT_FALSE(Verify("nonsense", "nonsense", kNow));
  EXPECT_FALSE(Key::FromPem("nonsense"));
  EXPECT_EQ(Split(Ca("a").pem + Ca("b").pem)->size(), 2U);
}

TEST(CertificateTest, ANameWithACommaIsOneName) {
  const Ca ca("mesh");
  const std::string uri = "spiffe://mesh.local/ns/default/sa/cart,DNS:bank.example";
  const auto leaf =
      MakeLeaf(ca.pem, ca.key, Key::Generate().value(), {"x", uri, {}, {}, kNow, kNow + hours(1)});
  EXPECT_EQ(Read(*leaf)->uri, uri);
}

TEST(KeyTest, AKeySurvivesItsText) {
  const Key key = Key::Generate().value();
  const Key back = Key::FromPem(key.Pem()).value();
  EXPECT_EQ(key.Pem(), back.Pem());
  EXPECT_NE(key.Pem(), Key::Generate()->Pem());
}

TEST(RequestTest, ARequestCarriesItsNameItsNonceAndItsKey) {
  const Key key = Key::Generate().value();
  const std::string der = MakeRequest(key, kUri, "abc").value();
  const Request read = ReadRequest(der).value();
  EXPECT_EQ(read.uri, kUri);
  EXPECT_EQ(read.nonce, "abc");
  const Ca ca("mesh");
  EXPECT_TRUE(CheckPair(ca.Leaf(read.public_key), key));
}

TEST(RequestTest, EveryChangedByteIsNoticed) {
  const std::string der = MakeRequest(Key::Generate().value(), kUri, "abc").value();
  for (std::size_t i = 0; i < der.size(); ++i) {
    std::string changed = der;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(ReadRequest(changed)) << "byte " << i;
    EXPECT_FALSE(ReadRequest(der.substr(0, i))) << "cut at " << i;
  }
  EXPECT_FALSE(ReadRequest(der + "x"));
  EXPECT_FALSE(ReadRequest(std::string(5000, 'x')));
}

}  // namespace
}  // namespace weft::x509
