#include <gtest/gtest.h>

#include "common/net/address.h"
#include "common/net/key.h"

namespace weft {
namespace {

TEST(AddressTest, ReadsAndWritesBothFamilies) {
  EXPECT_EQ(net::Address::Parse("127.0.0.1:80").value().ToString(), "127.0.0.1:80");
  EXPECT_EQ(net::Address::Parse("[::1]:8080").value().ToString(), "[::1]:8080");
}

TEST(AddressTest, RefusesWhatIsNoAddressAndSaysSo) {
  for (const char* text :
       {"", "localhost:80", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "1.2.3.4:"}) {
    EXPECT_TRUE(net::Address::Parse(text).has_error()) << text;
  }
}

TEST(CidrTest, ContainsComparesOnlyThePrefix) {
  const net::Cidr ten = net::Cidr::Parse("10.0.0.0/9").value();
  EXPECT_TRUE(ten.Contains(net::Ip::V4(10, 127, 3, 4)));
  EXPECT_FALSE(ten.Contains(net::Ip::V4(10, 128, 0, 0)));
  EXPECT_FALSE(ten.Contains(net::Ip::Parse("::1").value()));
  EXPECT_TRUE(net::Cidr::Parse("10.0.0.0/33").has_error());
}

TEST(ServiceKeyTest, ReadsShortAndLongForms) {
  EXPECT_EQ(ServiceKey::Parse("cart").value(), (ServiceKey{"local", "default", "cart"}));
  EXPECT_EQ(ServiceKey::Parse("shop/cart").value().ToString(), "shop/cart");
  EXPECT_EQ(ServiceKey::Parse("west/shop/cart").value().ToString(), "west/shop/cart");
  for (const char* text : {"", "Shop/cart", "a/b/c/d", "a//b", "-a", "a_b"}) {
    EXPECT_TRUE(ServiceKey::Parse(text).has_error()) << text;
  }
}

TEST(BackendKeyTest, HashesByValue) {
  const BackendKey a{{"local", "shop", "cart"}, 80}, b{{"local", "shop", "cart"}, 81};
  EXPECT_NE(std::hash<BackendKey>()(a), std::hash<BackendKey>()(b));
  EXPECT_EQ(a.ToString(), "shop/cart:80");
}

}  // namespace
}  // namespace weft
