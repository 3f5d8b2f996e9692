#pragma once
// A simulated instance: how long it takes for a request, and how it misbehaves.
//
//   kDelay    every request takes its work, however many there are
//   kSharing  processor sharing: `capacity` cores shared evenly by the requests in flight, at most one core
//   each kQueue    first come, first served, by `capacity` workers; beyond `queue` waiting ones 503 at once
//
// Work is time on one free core. Processor sharing is kept in attained service: all requests in flight have
// had the same, so the next one to finish is the one with the least mark, and a change of capacity moves no
// mark. Thread rule: one thread.

#include <cstdint>
#include <deque>
#include <vector>

#include "agent/simulate/events.h"

namespace weft::simulate {

enum class Fault : std::uint8_t {
  kNone,
  kRefuse,     // connections are refused
  kReset,      // closed without an answer
  kHang,       // accepted, never answered
  kBlackHole,  // not even connected
};

// May change at any moment; what is being answered keeps what it began with, except a hang and a reset.
struct Behaviour {
  Fault fault = Fault::kNone;
  double error_rate = 0;  // share of requests answered with `error_status`
  std::uint16_t error_status = 500;
  bool errors_at_once = false;              // an error costs no work
  Duration extra = Duration::zero();        // added to every answer
  double slowdown = 1;                      // multiplies work
  Duration retry_after = Duration::zero();  // of errors
};

struct Model {
  enum class Kind : std::uint8_t { kDelay, kSharing, kQueue };
  Kind kind = Kind::kDelay;
  double capacity = 1;      // cores or workers
  std::uint32_t queue = 0;  // most that wait; zero: no bound
  bool stops = true;        // work for a client that went away is dropped; false: it is done all the same
};

// What came of a request at a server.
struct Served {
  std::uint16_t status = 200;  // zero: reset
  Duration extra = Duration::zero();
  Duration retry_after = Duration::zero();
};

// Lets requests in before they reach the server, as the agent beside it does.
class Gate {
 public:
  virtual ~Gate() = default;
  virtual bool Enter() = 0;  // false: 503 at once
  // Once per entered request; `answered` false: its client went away.
  virtual void Leave(Duration took, bool answered, TimePoint now) = 0;
};

class Answers {
 public:
  virtual void OnServed(std::uint64_t token, const Served& served) = 0;

 protected:
  ~Answers() = default;
};

class Server final : public Actor {
 public:
  Server(Events& events, Answers& to, const Model& model)
      : events_(events), to_(to), model_(model), advanced_(events.now()) {}

  Behaviour behaviour;
  Gate* gate = nullptr;  // outlives the server; null: all may enter

  // `error`: in [0, 1), against error_rate. Returns the place for Cancel. `token` comes back with OnServed,
  // unless the server hangs.
  std::uint32_t Arrive(std::uint64_t token, Duration work, double error);
  void Cancel(std::uint32_t place);  // the client went away
  void SetCapacity(double capacity);
  double capacity() const { return model_.capacity; }
  // Requests that it serves at once; zero: any number.
  std::uint32_t places() const {
    return model_.kind == Model::Kind::kDelay ? 0 : static_cast<std::uint32_t>(model_.capacity);
  }
  std::uint32_t in_flight() const { return in_flight_; }  // arrived and not answered, those that hang too
  // Core-seconds spent; of kSharing and kQueue.
  double used();

  void On(std::uint32_t what, std::uint64_t item) override;

 private:
  struct Job {
    std::uint64_t token = 0;
    double work = 0;  // nanoseconds of a core
    Served served;
    TimePoint arrived;
    bool alive = false, queued = false, hangs = false, entered = false;
  };
  struct Mark {
    double at;  // attained service at which it is done
    std::uint32_t job;
    bool operator<(const Mark& o) const { return at != o.at ? at > o.at : job > o.job; }
  };

  std::uint32_t Place();
  void Finish(std::uint32_t job);
  double Rate() const;  // of each request
  void Advance();       // attained service to now
  void Plan();          // the next completion
  void StartQueued();

  Events& events_;
  Answers& to_;
  Model model_;
  std::vector<Job> jobs_;
  std::vector<std::uint32_t> free_;
  std::uint32_t in_flight_ = 0, running_ = 0;
  double used_ = 0;

  double attained_ = 0;  // kSharing
  TimePoint advanced_;
  std::vector<Mark> marks_;  // heap, least first; entries of dead jobs are skipped
  TimePoint planned_ = TimePoint::max();
  std::deque<std::uint32_t> waiting_;  // kQueue
  std::uint32_t waiting_alive_ = 0;
};

}  // namespace weft::simulate
