#include "controlplane/ctl/ctl_fixture.h"

namespace weft::ctl {
namespace {

constexpr const char* kState =
    R"({"trustDomain": "mesh.local", "certificateLifetime": "24h", "rootsPem": "-----PEM-----\n",
  "joins": 3, "renewals": 12, "refused": 1, "roots": [
  {"fingerprint": "0123456789abcdef0123", "state": "issuing", "issuesFrom": "2024-01-15T10:00:00Z",
   "notAfter": "2025-01-14T10:00:00Z", "external": false, "trustedUntil": "2024-01-16T11:20:00Z"},
  {"fingerprint": "fedcba98765432100123", "state": "waiting", "issuesFrom": "2024-01-15T11:00:00Z",
   "notAfter": "2025-01-14T10:00:00Z", "external": true}]})";

TEST(IdentityTest, RootsAreShownPrintedAndRotated) {
  Fake fake;
  fake.On("GET /api/v1/identity", kState).On("POST /api/v1/identity/roots:rotate", kState);
  ASSERT_EQ(fake.Run({"identity"}), 0) << fake.err;
  ExpectGolden(fake.out, "identity");
  ASSERT_EQ(fake.Run({"identity", "roots"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "-----PEM-----\n");
  ASSERT_EQ(fake.Run({"identity", "rotate"}), 0) << fake.err;
  ExpectGolden(fake.out, "identity");
}

TEST(IdentityTest, ATokenIsMadeListedAndRevoked) {
  Fake fake;
  fake.On(
      "POST /api/v1/identity/tokens",
      R"({"id": "0a0b0c0d0e0f", "token": "weft-join-0a0b0c0d0e0f-5ec7e7", "expires": "2024-01-15T11:00:00Z"})");
  ASSERT_EQ(
      fake.Run({"identity", "create-token", "shop/cart", "--ttl", "10m", "--node", "cart-1", "--uses", "1"}),
      0)
      << fake.err;
  EXPECT_EQ(fake.out, "weft-join-0a0b0c0d0e0f-5ec7e7\n") << "alone, for a file";
  EXPECT_EQ(fake.asked.back().body,
            R"({"namespace":"shop","service":"cart","node":"cart-1","ttl":"10m","uses":1})");
  fake.On("GET /api/v1/identity/tokens",
          R"({"items": [{"id": "0a0b0c0d0e0f", "namespace": "shop", "service": "cart",
    "node": "", "state": "valid", "expires": "2024-01-15T11:00:00Z", "uses": 2, "mostUses": 5, "creator": "ann"}]})");
  ASSERT_EQ(fake.Run({"identity", "tokens"}), 0) << fake.err;
  ExpectGolden(fake.out, "identity-tokens");
  fake.On("DELETE /api/v1/identity/tokens/0a0b0c0d0e0f", "{}");
  ASSERT_EQ(fake.Run({"identity", "revoke-token", "0a0b0c0d0e0f"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "join token \"0a0b0c0d0e0f\" revoked\n");
  EXPECT_EQ(fake.Run({"identity", "revoke-token"}), 2);
}

TEST(IdentityTest, CertificatesAreRevokedByServiceIdOrSerial) {
  Fake fake;
  fake.On("GET /api/v1/identity", kState)
      .On("POST /api/v1/identity/revocations",
          R"({"id": "aabbccddeeff", "serial": "", "spiffe": "spiffe://mesh.local/ns/shop/sa/cart"})");
  ASSERT_EQ(fake.Run({"identity", "revoke", "shop/cart", "--reason", "stolen"}), 0) << fake.err;
  EXPECT_EQ(fake.asked.back().body, R"({"reason":"stolen","spiffe":"spiffe://mesh.local/ns/shop/sa/cart"})");
  EXPECT_EQ(fake.out,
            "the certificates of spiffe://mesh.local/ns/shop/sa/cart until now are revoked (aabbccddeeff)\n");
  ASSERT_EQ(fake.Run({"identity", "revoke", "--serial", "5F:AA"}), 0) << fake.err;
  EXPECT_EQ(fake.asked.back().body, R"({"reason":"","serial":"5F:AA"})");
  EXPECT_EQ(fake.Run({"identity", "revoke"}), 1);
  EXPECT_EQ(fake.Run({"identity", "revoke", "cart", "--serial", "5f"}), 1);
  fake.On("GET /api/v1/identity/revocations", R"({"items": [
    {"id": "aabbccddeeff", "serial": "", "spiffe": "spiffe://mesh.local/ns/shop/sa/cart", "reason": "stolen",
     "creator": "ann", "created": "2024-01-15T11:00:00Z"},
    {"id": "0a0b0c0d0e0f", "serial": "5faa", "spiffe": "", "reason": "", "creator": "ann",
     "created": "2024-01-15T11:00:00Z"}]})");
  ASSERT_EQ(fake.Run({"identity", "revocations"}), 0) << fake.err;
  ExpectGolden(fake.out, "identity-revocations");
  fake.On("DELETE /api/v1/identity/revocations/0a0b0c0d0e0f", "{}");
  ASSERT_EQ(fake.Run({"identity", "take-back", "0a0b0c0d0e0f"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "revocation \"0a0b0c0d0e0f\" taken back\n");
}

}  // namespace
}  // namespace weft::ctl
