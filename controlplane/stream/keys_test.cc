#include "controlplane/stream/keys.h"

#include <gtest/gtest.h>

#include <vector>

namespace weft::stream {
namespace {

TEST(KeyPoolTest, EqualKeysAreOneWhileSomebodyHoldsThem) {
  KeyPool pool;
  const SharedKey cart = pool.Get({"local", "default", "cart"});
  EXPECT_EQ(cart->name, "cart");
  EXPECT_EQ(pool.Get({"local", "default", "cart"}), cart);
  EXPECT_NE(pool.Get({"local", "shop", "cart"}), cart);
}

TEST(KeyPoolTest, KeysThatNobodyHoldsGo) {
  KeyPool pool;
  std::vector<SharedKey> held;
  for (int i = 0; i < 50; ++i) held.push_back(pool.Get({"local", "held", std::to_string(i)}));
  for (int i = 0; i < 100'000; ++i) (void)pool.Get({"local", "asked-once", std::to_string(i)});
  EXPECT_LT(pool.size(), 1024U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(pool.Get({"local", "held", std::to_string(i)}), held[i]);
}

TEST(KeyPoolTest, AMapOfSharedKeysIsFoundByTheKeyItself) {
  KeyPool pool;
  std::map<SharedKey, int, ByKey> map{{pool.Get({"local", "default", "cart"}), 1}};
  EXPECT_TRUE(map.contains(ServiceKey{"local", "default", "cart"}));
  EXPECT_FALSE(map.contains(ServiceKey{"local", "default", "pay"}));
}

}  // namespace
}  // namespace weft::stream
