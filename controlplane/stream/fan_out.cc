#include "controlplane/stream/fan_out.h"

#include <sched.h>

#include <algorithm>

namespace weft::stream {
namespace {

constexpr unsigned kMostThreads = 4;
constexpr std::size_t kBatch = 16;  // kicked between two looks for something urgent

// Those that this process may use; two threads on one would only take turns.
unsigned Processors() {
  cpu_set_t allowed;
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? static_cast<unsigned>(CPU_COUNT(&allowed)) : 1;
}

}  // namespace

void FanOut::Start() {
  const std::scoped_lock lock(mutex_);
  running_ = true;
  const unsigned threads = std::clamp(Processors(), 1U, kMostThreads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

void FanOut::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    running_ = false;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void FanOut::Post(Outlets outlets, bool urgent) {
  if (outlets.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    if (running_) {
      (urgent ? urgent_ : ordinary_).push_back(std::move(outlets));
      outlets.clear();
    }
  }
  changed_.notify_all();
  for (const auto& outlet : outlets) outlet->Kick();
}

bool FanOut::Take(Outlets& batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !running_ || !urgent_.empty() || !ordinary_.empty(); });
  if (!running_) return false;
  std::deque<Outlets>& lane = urgent_.empty() ? ordinary_ : urgent_;
  Outlets& all = lane.front();
  const auto rest = all.end() - static_cast<std::ptrdiff_t>(std::min(kBatch, all.size()));
  batch.assign(std::make_move_iterator(rest), std::make_move_iterator(all.end()));
  all.erase(rest, all.end());
  if (all.empty()) lane.pop_front();
  return true;
}

void FanOut::Run() {
  for (Outlets batch; Take(batch);) {
    for (const auto& outlet : batch) outlet->Kick();
    batch.clear();
  }
}

}  // namespace weft::stream
