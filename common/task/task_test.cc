#include "common/task/task.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <stdexcept>

namespace weft::task {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> Sleep(asio::steady_timer::duration span, int& ended) {
  struct Guard {
    int& count;
    ~Guard() { ++count; }
  } const guard{ended};
  asio::steady_timer timer(co_await asio::this_coro::executor, span);
  co_await timer.async_wait(asio::use_awaitable);
}

TEST(TaskGroupTest, CancelEndsEveryTaskAndWaitSeesIt) {
  asio::io_context context(1);
  TaskGroup group(context.get_executor());
  int ended = 0;
  bool waited = false;
  for (int i = 0; i < 3; ++i) group.Spawn(Sleep(std::chrono::hours(1), ended));
  EXPECT_EQ(group.size(), 3U);
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        group.Cancel();
        co_await group.Wait();
        waited = true;
      },
      asio::detached);
  context.run();
  EXPECT_TRUE(waited);
  EXPECT_EQ(ended, 3);
  EXPECT_EQ(group.size(), 0U);
}

TEST(TaskGroupTest, AFailureReachesItsHandler) {
  asio::io_context context(1);
  TaskGroup group(context.get_executor());
  std::string seen;
  const auto failing = []() -> asio::awaitable<void> {
    throw std::runtime_error("broken");
    co_return;
  };
  group.Spawn(failing(), [&seen](const std::exception& error) { seen = error.what(); });
  context.run();
  EXPECT_EQ(seen, "broken");
}

TEST(PeriodicTest, RunsUntilDestroyed) {
  asio::io_context context(1);
  int runs = 0;
  std::unique_ptr<Periodic> periodic;
  periodic = std::make_unique<Periodic>(context, std::chrono::milliseconds(1), [&] {
    if (++runs == 3) periodic.reset();
  });
  context.run();
  EXPECT_EQ(runs, 3);
}

TEST(SignalsTest, TermStopsAndHangUpReloads) {
  asio::io_context context(1);
  int stops = 0, reloads = 0;
  std::unique_ptr<Signals> signals;
  signals = std::make_unique<Signals>(
      context,
      [&] {
        ++stops;
        signals.reset();
      },
      [&] { ++reloads; });
  asio::post(context, [] { std::raise(SIGHUP); });
  asio::post(context, [] { std::raise(SIGTERM); });
  context.run();
  EXPECT_EQ(stops, 1);
  EXPECT_EQ(reloads, 1);
}

}  // namespace
}  // namespace weft::task
