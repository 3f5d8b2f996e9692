#include "agent/loop/loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include <gtest/gtest.h>

namespace weft::loop {
namespace {

using std::chrono::milliseconds;

struct Firing {
  std::vector<int>* order;
  int name;
  static void Fire(void* self, TimePoint) {
    auto* firing = static_cast<Firing*>(self);
    firing->order->push_back(firing->name);
  }
};

TEST(TimerHeapTest, FiresInOrderOfTimeAndOnlyOnce) {
  TimerHeap heap;
  std::vector<int> order;
  std::array<Firing, 5> firings{};
  std::array<Timer, 5> timers;
  const std::array<int, 5> at = {50, 10, 40, 20, 30};
  for (std::size_t i = 0; i < 5; ++i) {
    firings[i] = {&order, at[i]};
    timers[i].Bind(heap, &Firing::Fire, &firings[i]);
    timers[i].Set(FromNanos(at[i]));
  }
  heap.Run(FromNanos(35));
  EXPECT_EQ(order, (std::vector<int>{10, 20, 30}));
  heap.Run(FromNanos(100));
  EXPECT_EQ(order, (std::vector<int>{10, 20, 30, 40, 50}));
  EXPECT_EQ(heap.Next(), TimePoint::max());
}

TEST(TimerHeapTest, ATimerThatIsMovedFiresAtItsLastTimeOnly) {
  TimerHeap heap;
  std::vector<int> order;
  Firing firing{&order, 1};
  Timer timer;
  timer.Bind(heap, &Firing::Fire, &firing);
  timer.Set(FromNanos(10));
  timer.Set(FromNanos(30));
  heap.Run(FromNanos(20));
  EXPECT_TRUE(order.empty());
  timer.Set(FromNanos(25));
  heap.Run(FromNanos(25));
  EXPECT_EQ(order.size(), 1U);
  heap.Run(FromNanos(99));
  EXPECT_EQ(order.size(), 1U);
}

TEST(TimerHeapTest, ADestroyedTimerNeverFires) {
  TimerHeap heap;
  std::vector<int> order;
  Firing firing{&order, 1};
  {
    Timer timer;
    timer.Bind(heap, &Firing::Fire, &firing);
    timer.Set(FromNanos(10));
  }
  heap.Run(FromNanos(20));
  EXPECT_TRUE(order.empty());
}

TEST(EventLoopTest, PostedWorkRunsOnTheLoopAndStopEndsIt) {
  EventLoop loop;
  int ran = 0;
  std::thread other([&] {
    for (int i = 0; i < 1'000; ++i) loop.Post([&] { ++ran; });
    loop.Stop();
  });
  loop.Run();
  other.join();
  EXPECT_EQ(ran, 1'000);
}

class Reader final : public Handler {
 public:
  Reader(EventLoop& loop, int fd) : loop_(loop), fd_(fd) { EXPECT_TRUE(loop_.Watch(fd_, *this).has_value()); }
  void OnReady(bool readable, bool) override {
    if (!readable) return;
    char byte;
    while (read(fd_, &byte, 1) == 1) ++bytes;
    if (on_read) on_read();
  }
  int bytes = 0;
  std::function<void()> on_read;

 private:
  EventLoop& loop_;
  int fd_;
};

TEST(EventLoopTest, AForgottenHandlerHearsNothingMoreEvenInTheSameTurn) {
  EventLoop loop;
  std::array<int, 2> a{}, b{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a.data()), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b.data()), 0);
  Reader first(loop, a[0]), second(loop, b[0]);
  first.on_read = [&] { loop.Forget(b[0], second); };
  second.on_read = [&] { loop.Forget(a[0], first); };
  ASSERT_EQ(write(a[1], "x", 1), 1);
  ASSERT_EQ(write(b[1], "x", 1), 1);
  loop.RunOnce(milliseconds(1'000));
  EXPECT_EQ(first.bytes + second.bytes, 1);
  for (int fd : {a[0], a[1], b[0], b[1]}) close(fd);
}

TEST(EventLoopTest, LaterRunsAfterTheHandlersOfTheTurn) {
  EventLoop loop;
  int ran = 0;
  loop.Post([&] { loop.Later([](void* n) { ++*static_cast<int*>(n); }, &ran); });
  loop.RunOnce(milliseconds(1'000));
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace weft::loop
