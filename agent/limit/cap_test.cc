#include "agent/limit/cap.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "agent/limit/addresses.h"

namespace weft::limit {
namespace {

TEST(AddressesTest, EachAddressHasItsOwnConnectionsAndNoneIsKeptForLong) {
  Addresses addresses;
  const net::Ip one = net::Ip::V4(10, 0, 0, 1), other = net::Ip::V4(10, 0, 0, 2);
  EXPECT_TRUE(addresses.TryTake(one, 2));
  EXPECT_TRUE(addresses.TryTake(one, 2));
  EXPECT_FALSE(addresses.TryTake(one, 2));
  EXPECT_TRUE(addresses.TryTake(other, 2));
  addresses.Return(one);
  EXPECT_TRUE(addresses.TryTake(one, 2));
  for (int i = 0; i < 2; ++i) addresses.Return(one);
  addresses.Return(other);
  EXPECT_FALSE(addresses.TryTake(one, 0));
  EXPECT_EQ(addresses.size(), 0u);
}

TEST(CapTest, FourThreadsNeverExceedTheCap) {
  Cap cap;
  std::atomic<std::uint32_t> held = 0, most = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        if (!cap.TryTake(3)) continue;
        const std::uint32_t now = ++held;
        std::uint32_t seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --held;
        cap.Return();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_LE(most, 3u);
  EXPECT_EQ(cap.used(), 0u);
}

TEST(CapTest, ZeroIsNoCapAndALoweredCapHoldsFromWhereItStands) {
  Cap cap;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(cap.TryTake(0));
  EXPECT_FALSE(cap.TryTake(5));
  for (int i = 0; i < 6; ++i) cap.Return();
  EXPECT_TRUE(cap.TryTake(5));
  EXPECT_FALSE(cap.TryTake(5));
}

}  // namespace
}  // namespace weft::limit
