#pragma once
// A little world in virtual time: clients that make requests, deciders that say where they go, servers that
// answer or do not. One seed, one thread, no clock: the same world runs the same way every time.
//
// The way to a server and back is counted when the answer comes, so a server sees a request half a round trip
// early.
//
//   World world({.seed = 1, .network = 250us});
//   for (…) world.AddServer({.kind = Model::Kind::kSharing, .capacity = 10});
//   world.AddClient(std::make_unique<Agent>(…));
//   world.SetRate(1000);
//   world.At(seconds(30), [&] { world.server(3).behaviour.fault = Fault::kRefuse; });
//   world.Run(seconds(60));
//   world.tally().counts();

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/simulate/decider.h"
#include "agent/simulate/draws.h"
#include "agent/simulate/server.h"
#include "agent/simulate/tally.h"

namespace weft::simulate {

// How much a request asks for.
struct Work {
  enum class Shape : std::uint8_t { kFixed, kExponential, kNormal, kLogNormal };
  Shape shape = Shape::kFixed;
  Duration mean = std::chrono::milliseconds(4);  // kNormal: before it is cut off at `least`
  double spread = 0;                             // kNormal: deviation over mean; kLogNormal: sigma
  Duration least = Duration::zero();
  double straggle_share = 0, straggle_times = 10;  // of attempts, that take so many times as long
};

struct WorldSettings {
  std::uint64_t seed = 1;
  Duration network = std::chrono::microseconds(250);  // one way
  Work work = {};
  bool poisson = true;     // false: evenly spaced
  double post_share = 0;   // of requests: POST, else GET
  bool tells_load = true;  // servers tell their load with their answers
};

class World final : public Actor, public Answers {
 public:
  explicit World(const WorldSettings& settings);
  ~World();

  // Set up before Run.
  Server& AddServer(const Model& model);
  std::uint32_t AddClient(std::unique_ptr<Decider> decider);
  // `span` after the beginning.
  void At(Duration span, std::function<void()> action);
  void Every(Duration period, std::function<void()> action);
  void MeasureFrom(Duration span) { tally_.measure_from = begin_ + span; }

  // Requests per second of all clients together, who take turns by chance; may be called at any time.
  void SetRate(double per_second);
  // Chooses the client of a request; else uniformly.
  void SetClients(std::function<std::uint32_t(std::uint64_t number)> choose) {
    choose_client_ = std::move(choose);
  }
  void SetKeys(std::function<std::uint64_t(std::uint64_t number)> choose) { choose_key_ = std::move(choose); }
  void SetWork(const Work& work) { settings_.work = work; }

  void Run(Duration span);  // from where it stands

  TimePoint begin() const { return begin_; }
  TimePoint now() const { return events_.now(); }
  Duration passed() const { return events_.now() - begin_; }
  const Draws& draws() const { return draws_; }
  Server& server(std::size_t i) { return *servers_[i]; }
  std::size_t servers() const { return servers_.size(); }
  Decider& client(std::size_t i) { return *clients_[i]; }
  Tally& tally() { return tally_; }
  std::uint64_t events() const { return events_.handled(); }
  std::uint64_t sent_to(std::size_t server) const { return sent_to_[server]; }  // attempts ever

  void On(std::uint32_t what, std::uint64_t item) override;
  void OnServed(std::uint64_t token, const Served& served) override;

 private:
  struct Periodic {
    Duration period;
    std::function<void()> action;
  };

  void PlanArrival();
  void Arrive();
  static constexpr std::uint64_t kSecondBit = 1ULL << 31;  // of the token of a second attempt
  struct Way {
    Flight* flight = nullptr;  // null: it has moved on
    Leg* leg = nullptr;
  };

  Duration WorkOf(const Flight& flight) const;
  Flight& Take();
  Way WayOf(std::uint64_t token);
  static std::uint64_t TokenOf(const Flight& flight, const Leg& leg) {
    const std::uint64_t bit = &leg == &flight.second ? kSecondBit : 0;
    return std::uint64_t{leg.serial} << 32 | bit | flight.index;
  }
  void Attempt(Flight& flight);
  void Second(Flight& flight);
  void Send(Flight& flight, Leg& leg, const Terms& terms);
  engine::SaidLoad SayLoad(std::uint32_t server, Duration took);
  void GiveUp(Flight& flight, Leg& leg);
  void Conclude(Flight& flight, Leg& leg);  // leg.result is in
  bool GoesOnBeside(Flight& flight, Leg& leg);
  void Outrun(Leg& leg);
  void Finish(Flight& flight, Reason reason, std::uint16_t status);

  WorldSettings settings_;
  Draws draws_;
  TimePoint begin_;
  Events events_;
  Tally tally_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::uint64_t> sent_to_;
  std::vector<Duration> latencies_;  // that servers say
  std::vector<std::unique_ptr<Decider>> clients_;
  std::vector<std::unique_ptr<Flight>> flights_;
  std::vector<Terms> terms_;  // by flight index
  std::vector<std::uint32_t> free_;
  std::vector<std::function<void()>> actions_;
  std::vector<Periodic> periodic_;
  std::function<std::uint32_t(std::uint64_t)> choose_client_;
  std::function<std::uint64_t(std::uint64_t)> choose_key_;
  double rate_ = 0;
  std::uint64_t arrivals_ = 0;
  std::uint32_t arrival_serial_ = 0;
};

}  // namespace weft::simulate
