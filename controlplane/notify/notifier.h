#pragma once
// Events to a webhook: what the book gets is posted to a URL as {"items": [...], "last": N}, as GET events
// has them, oldest first, at most kMostAtOnce in one call and one call at a time. Only a 2xx answer moves on;
// anything else is tried again after 1 s, 2 s, … 60 s, half of it jittered, from the same event on. So none
// is lost as long as the book keeps it (events.h), and one whose answer was lost may come twice: `number`
// tells. Begins with what is in the book. Source of the back-off: resilience.md 5.3.
//
// Thread rule: any thread, one call at a time per function; `post` is called without the lock and may answer
// at once. Outlives its answers.

#include <functional>
#include <mutex>
#include <string>

#include "common/random/random.h"
#include "common/result/result.h"
#include "common/time/time.h"
#include "controlplane/events/events.h"

namespace weft::notify {

inline constexpr std::size_t kMostAtOnce = 100;

class Notifier {
 public:
  // Calls `done` once with what came of it.
  using Post = std::function<void(const std::string& body, std::function<void(Status)> done)>;

  Notifier(const events::Book& book, Post post, std::uint64_t seed)
      : book_(book), post_(std::move(post)), seed_(seed) {}

  void Look(TimePoint now);  // about twice a second

  struct Counts {
    std::uint64_t delivered = 0, failed = 0;  // events; calls
    std::uint64_t waiting = 0;                // number of the newest event less that of the last delivered
  };
  Counts counts() const;

 private:
  void Answered(std::uint64_t last, std::size_t events, const Status& status, TimePoint now);

  const events::Book& book_;
  const Post post_;
  const std::uint64_t seed_;
  mutable std::mutex mutex_;  // guards all below
  bool calling_ = false;
  std::uint64_t delivered_to_ = 0;  // number of the last event that was
  std::uint32_t failures_ = 0;      // in a row
  TimePoint not_before_;
  Counts counts_;
};

}  // namespace weft::notify
