#pragma once
// All simulated agents on one thread, told what to do by lines on standard input; answers are lines of JSON
// on standard output, times in them nanoseconds of CLOCK_MONOTONIC.
//
//   start N RATE     creates agents up to number N, RATE new connections per second (0: all at once)
//   mark             counts of `await` begin anew
//   await WHAT N     one line when it is so: synced (N agents took the first delta of their stream), bundles,
//   endpoints
//                    (N deltas with such were acknowledged since the mark), revision:R (N agents hold R or
//                    later)
//   status           counts since the start
//   drop N           the first N connected agents lose their connection and come back at once
//   pause I N        agents I to I+N-1 read no more;  resume I N
//   quit
#include <array>
#include <queue>

#include "tests/scale/agents/agent.h"

namespace weft::scale {

struct FleetOptions {
  Target target;
  std::uint32_t services = 500, subscriptions = 50;
  // Every agent uses s0; so many agents, evenly spread, use s1 and s2; the others are drawn from the rest.
  std::uint32_t users_of_s1 = 1000, users_of_s2 = 100;
  std::string ns = "default", service = "cart";
};

class Fleet : public Host {
 public:
  explicit Fleet(FleetOptions options);
  ~Fleet() override;
  void Run();  // until `quit` or the end of standard input

  void After(Duration span, Agent& agent, Timer timer) override;
  TimePoint Now() const override { return now_; }
  void OnAck(const Agent& agent, const v1::Delta& delta) override;
  void OnSynced(int change) override;

 private:
  struct Due {
    TimePoint at;
    std::uint32_t agent, attempt;
    Timer timer;
    bool operator>(const Due& other) const { return at > other.at; }
  };

  void ReadInput();
  void Obey(const std::string& line);
  void StartAgents(std::uint32_t total, double rate);
  std::vector<std::uint32_t> Subscriptions(std::uint32_t number, std::uint32_t total) const;
  void FireTimers();
  int UntilNextTimer() const;  // milliseconds, for epoll
  void CheckAwaited();
  std::uint64_t Awaited() const;
  void Status() const;

  const FleetOptions options_;
  const int epoll_;
  TimePoint now_;
  Counts counts_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> timers_;
  std::string input_;
  bool quitting_ = false;
  std::int64_t synced_ = 0;
  std::string awaited_;  // empty: nothing
  std::uint64_t awaited_count_ = 0, awaited_revision_ = 0, holding_ = 0;
  std::vector<std::int64_t> bundle_acks_, endpoint_acks_;  // times since the mark
};

}  // namespace weft::scale
