#include "controlplane/notify/notifier.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/log/log.h"
#include "controlplane/api/event_watch.h"
#include "controlplane/api/json.h"

namespace weft::notify {
namespace {

constexpr Duration kFirstWait = std::chrono::seconds(1), kLongestWait = std::chrono::seconds(60);
constexpr std::uint32_t kMostDoublings = 6;

Duration WaitAfter(std::uint32_t failures, double unit) {
  const Duration whole =
      std::min<Duration>(kLongestWait, kFirstWait * (1 << std::min(failures - 1, kMostDoublings)));
  return whole / 2 + Duration(static_cast<std::int64_t>(unit * static_cast<double>((whole / 2).count())));
}

std::string BodyOf(const std::vector<events::Event>& events) {
  api::Json items = api::Json::array();
  for (const events::Event& event : events) items.push_back(api::ToJson(api::ToProto(event)));
  const api::Json body{{"items", std::move(items)}, {"last", events.back().number}};
  return body.dump(-1, ' ', false, api::Json::error_handler_t::replace);
}

}  // namespace

void Notifier::Look(TimePoint now) {
  std::vector<events::Event> events;
  {
    const std::scoped_lock lock(mutex_);
    if (calling_ || now < not_before_) return;
    events = book_.After(delivered_to_);
    if (events.empty()) return;
    events.resize(std::min(events.size(), kMostAtOnce));
    calling_ = true;
  }
  post_(BodyOf(events), [this, last = events.back().number, count = events.size(),
                         now](const Status& status) { Answered(last, count, status, now); });
}

void Notifier::Answered(std::uint64_t last, std::size_t events, const Status& status, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  calling_ = false;
  if (status) {
    delivered_to_ = last;
    failures_ = 0;
    counts_.delivered += events;
    return;
  }
  if (failures_ == 0) log::Warn("events webhook", {{"problem", status.error().Text()}});
  ++failures_;
  ++counts_.failed;
  Rng rng(seed_, counts_.failed);
  not_before_ = now + WaitAfter(failures_, rng.Unit(Purpose::kBackoff));
}

Notifier::Counts Notifier::counts() const {
  const std::uint64_t newest = book_.last();
  const std::scoped_lock lock(mutex_);
  Counts counts = counts_;
  counts.waiting = newest - delivered_to_;
  return counts;
}

}  // namespace weft::notify
