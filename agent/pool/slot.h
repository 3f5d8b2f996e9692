#pragma once
// What a pool has of one target. Internal to this folder.

#include "agent/pool/pool.h"

namespace weft::pool {

inline constexpr Duration kAgentIdle = std::chrono::minutes(5);  // between agents, and of HTTP/2

struct Pool::Slot {
  engine::Target* target = nullptr;
  std::vector<connection::ClientConnection*> idle;  // the last is the warmest
  std::vector<connection::ClientConnection*> all;
  Queue waiting;
  std::vector<connection::Http2Client*> shared;
  Queue queued;  // for a stream
};

}  // namespace weft::pool
