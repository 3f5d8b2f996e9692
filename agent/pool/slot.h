#pragma once
// What a pool has of one target. Internal to this folder.

#include <algorithm>
#include <cmath>

#include "agent/pool/pool.h"

namespace weft::pool {

inline constexpr Duration kAgentIdle = std::chrono::minutes(5);  // between agents, and of HTTP/2
inline constexpr Duration kSpare = std::chrono::seconds(30);  // unused this long, and more than use asks for

// Requests of a connection, or streams, whose places others wait for: now and then they get one.
inline constexpr std::uint64_t kShareEvery = 64;
inline constexpr double kAverage = 0.01;  // weight of one sweep of 100 ms

// Of a connection whose most is `most`: each ends at a time of its own, up to a fifth before. Zero: never.
bool IsOld(Duration most, const TimePoint& opened, TimePoint now);

// How many of a target's places are in use: an average of 10 s.
class Use {
 public:
  void Sampled(std::size_t now) {
    average_ += kAverage * (static_cast<double>(now) - average_);
  }  // every sweep
  // Little's law with head room (Halfin and Whitt 1981): what about 99 % of moments need.
  std::size_t Wanted() const {
    return std::max<std::size_t>(1,
                                 static_cast<std::size_t>(std::ceil(average_ + 2.33 * std::sqrt(average_))));
  }

 private:
  double average_ = 0;
};

struct Pool::Slot {
  engine::Target* target = nullptr;
  std::vector<connection::ClientConnection*> idle;  // the last is the warmest
  std::vector<connection::ClientConnection*> all;
  Queue waiting;
  std::vector<connection::Http2Client*> shared;
  Queue queued;                // for a stream
  std::uint64_t returned = 0;  // streams so far
  Use use;                     // connections of HTTP/1.1, streams of HTTP/2
};

}  // namespace weft::pool
