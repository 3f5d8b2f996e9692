#include "agent/limit/cap.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "agent/limit/addresses.h"
#include "agent/limit/callers.h"

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

TEST(CallersTest, OneThatHasAllItsPlacesLeavesTheOthersTheirs) {
  Callers callers;
  EXPECT_TRUE(callers.TryTake(7, 2));
  EXPECT_TRUE(callers.TryTake(7, 2));
  EXPECT_FALSE(callers.TryTake(7, 2));
  EXPECT_TRUE(callers.TryTake(8, 2)) << "in the same set";
  EXPECT_TRUE(callers.TryTake(7, 3)) << "a raised limit counts from where it stands";
  for (int i = 0; i < 2; ++i) callers.Return(7);
  EXPECT_TRUE(callers.TryTake(7, 2));
  EXPECT_FALSE(callers.TryTake(7, 2));
  EXPECT_FALSE(callers.TryTake(9, 0));
}

TEST(CallersTest, ASetFullOfCallersWithRequestsRefusesANewOneUntilOneOfThemHasNone) {
  Callers callers;
  for (std::uint64_t key = 1; key <= 8; ++key) EXPECT_TRUE(callers.TryTake(key, 5));
  EXPECT_FALSE(callers.TryTake(9, 5));
  callers.Return(3);
  EXPECT_TRUE(callers.TryTake(9, 5));
}

TEST(CallersTest, FourThreadsNeverExceedACallersPlaces) {
  Callers callers;
  std::array<std::atomic<int>, 4> held{};
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < 20'000; ++i) {
        const std::uint64_t key = i % 4;
        if (!callers.TryTake(key, 2)) continue;
        const int now = ++held[key];
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --held[key];
        callers.Return(key);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_LE(most, 2);
  for (std::uint64_t key = 0; key < 4; ++key) EXPECT_TRUE(callers.TryTake(key, 1)) << "all came back";
}

}  // namespace
}  // namespace weft::limit
