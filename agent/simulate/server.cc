#include "agent/simulate/server.h"

#include <algorithm>

namespace weft::simulate {
namespace {

enum ServerEvent : std::uint32_t { kDone, kSharedDone };
constexpr double kDust = 0.5;  // nanoseconds of rounding

}  // namespace

std::uint32_t Server::Place() {
  if (free_.empty()) {
    jobs_.emplace_back();
    return static_cast<std::uint32_t>(jobs_.size() - 1);
  }
  const std::uint32_t place = free_.back();
  free_.pop_back();
  return place;
}

std::uint32_t Server::Arrive(std::uint64_t token, Duration work, double error) {
  const std::uint32_t place = Place();
  Job& job = jobs_[place];
  job = Job{};
  job.token = token;
  job.work = static_cast<double>(work.count()) * behaviour.slowdown;
  job.alive = true;
  job.served.extra = behaviour.extra;
  job.arrived = events_.now();
  if (gate != nullptr && !gate->Enter()) {
    job.served.status = 503;
    ++in_flight_;
    if (model_.kind == Model::Kind::kQueue) ++running_;
    events_.At(events_.now(), *this, kDone, place);
    return place;
  }
  job.entered = gate != nullptr;
  ++in_flight_;
  if (error < behaviour.error_rate) {
    job.served.status = behaviour.error_status;
    job.served.retry_after = behaviour.retry_after;
    if (behaviour.errors_at_once) job.work = 0;
  }
  if (behaviour.fault == Fault::kHang) {
    job.hangs = true;
    return place;
  }
  if (behaviour.fault == Fault::kReset) {
    job.served.status = 0;
    job.work = 0;
  }
  switch (model_.kind) {
    case Model::Kind::kDelay:
      events_.At(events_.now() + Duration(static_cast<std::int64_t>(job.work)), *this, kDone, place);
      break;
    case Model::Kind::kSharing:
      Advance();
      ++running_;
      marks_.push_back({attained_ + job.work, place});
      std::push_heap(marks_.begin(), marks_.end());
      Plan();
      break;
    case Model::Kind::kQueue:
      if (model_.queue > 0 && waiting_alive_ >= model_.queue && running_ >= model_.capacity) {
        job.served.status = 503;
        events_.At(events_.now(), *this, kDone, place);
        ++running_;
        break;
      }
      job.queued = true;
      ++waiting_alive_;
      waiting_.push_back(place);
      StartQueued();
      break;
  }
  return place;
}

void Server::StartQueued() {
  while (running_ < static_cast<std::uint32_t>(model_.capacity) && !waiting_.empty()) {
    const std::uint32_t place = waiting_.front();
    waiting_.pop_front();
    Job& job = jobs_[place];
    if (!job.alive) {  // it went away while it waited
      free_.push_back(place);
      continue;
    }
    job.queued = false;
    --waiting_alive_;
    ++running_;
    used_ += job.work;
    events_.At(events_.now() + Duration(static_cast<std::int64_t>(job.work)), *this, kDone, place);
  }
}

// Its events may still come: the place is free only when the last of them has.
void Server::Cancel(std::uint32_t place) {
  Job& job = jobs_[place];
  if (!job.alive) return;
  if (job.entered && (job.hangs || model_.stops))
    gate->Leave(events_.now() - job.arrived, false, events_.now());
  if (job.hangs) {
    job.alive = false;
    --in_flight_;
    free_.push_back(place);
    return;
  }
  if (!model_.stops) return;
  if (model_.kind == Model::Kind::kSharing) {
    Advance();
    --running_;
  }
  if (job.queued) --waiting_alive_;
  job.alive = false;
  --in_flight_;
  if (model_.kind == Model::Kind::kSharing) Plan();
}

double Server::Rate() const {
  return running_ == 0 ? 0 : std::min(1.0, model_.capacity / static_cast<double>(running_));
}

void Server::Advance() {
  const double passed = static_cast<double>((events_.now() - advanced_).count()) * Rate();
  attained_ += passed;
  used_ += passed * running_;
  advanced_ = events_.now();
}

// One event is on its way at any time, at or before the next completion: a later completion is found out when
// it comes too early.
void Server::Plan() {
  while (!marks_.empty() && !jobs_[marks_.front().job].alive) {
    free_.push_back(marks_.front().job);
    std::pop_heap(marks_.begin(), marks_.end());
    marks_.pop_back();
  }
  if (marks_.empty()) return;
  const double left = std::max(0.0, marks_.front().at - attained_) / Rate();
  const TimePoint at = events_.now() + Duration(static_cast<std::int64_t>(left) + 1);
  if (at >= planned_) return;
  planned_ = at;
  events_.At(at, *this, kSharedDone, static_cast<std::uint64_t>(Nanos(at)));
}

void Server::SetCapacity(double capacity) {
  Advance();
  model_.capacity = capacity;
  if (model_.kind == Model::Kind::kSharing) Plan();
  if (model_.kind == Model::Kind::kQueue) StartQueued();
}

double Server::used() {
  if (model_.kind == Model::Kind::kSharing) Advance();
  return used_ / 1e9;
}

void Server::On(std::uint32_t what, std::uint64_t item) {
  if (what == kDone) {
    const auto place = static_cast<std::uint32_t>(item);
    if (model_.kind == Model::Kind::kQueue) --running_;
    Finish(place);
    if (model_.kind == Model::Kind::kQueue) StartQueued();
    return;
  }
  if (static_cast<std::int64_t>(item) != Nanos(planned_)) return;  // an earlier one was planned since
  planned_ = TimePoint::max();
  Advance();
  while (!marks_.empty() && (marks_.front().at <= attained_ + kDust || !jobs_[marks_.front().job].alive)) {
    const std::uint32_t place = marks_.front().job;
    std::pop_heap(marks_.begin(), marks_.end());
    marks_.pop_back();
    running_ -= jobs_[place].alive;
    Finish(place);
  }
  Plan();
}

void Server::Finish(std::uint32_t place) {
  Job& job = jobs_[place];
  const bool alive = job.alive;
  const Job done = job;
  job.alive = false;
  free_.push_back(place);
  if (!alive) return;
  --in_flight_;
  if (done.entered) gate->Leave(events_.now() - done.arrived, true, events_.now());
  to_.OnServed(done.token, done.served);
}

}  // namespace weft::simulate
