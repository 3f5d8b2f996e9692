#include "agent/limit/cap.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace weft::limit {
namespace {

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
