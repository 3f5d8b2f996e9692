#pragma once
// Writes the status of routes back to the API server, by server-side apply, when what it says is no longer
// true; of several replicas only the leader does. Thread rule: the io_context's thread.

#include <functional>
#include <set>

#include "controlplane/api/control.h"
#include "controlplane/intake/kubernetes/rules.h"

namespace weft::intake::kubernetes {

struct StatusOptions {
  std::function<bool()> leads;
  std::function<std::uint64_t()> revision;                             // of the documents in force
  std::function<std::map<store::Key, api::Control::Judged>()> judged;  // those of this source
  std::function<Status(const resource::DocumentPtr&)> check;           // why one is not in force
  std::function<WallTime()> wall_clock = ReadWallClock;
  Duration retry = std::chrono::seconds(5);  // after a write that was refused
};

class Statuses {
 public:
  Statuses(boost::asio::io_context& context, const kube::Client& client, StatusOptions options);
  ~Statuses();

  void Look(const Rules& rules, TimePoint now);  // about twice a second

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::intake::kubernetes
