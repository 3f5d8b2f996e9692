#pragma once
// A recording put in order by requests: what arrived, where each attempt went and how it ended. Plain values.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/decision/recorder.h"
#include "agent/engine/call.h"
#include "common/result/result.h"

namespace weft::whatif {

inline constexpr std::size_t kNoLine = ~std::size_t{0};

struct RecordedAttempt {
  std::string instance;  // empty: none could be picked
  TimePoint picked, ended;
  std::size_t picked_line = kNoLine, ended_line = kNoLine;  // without an end: cut off by the request's
  engine::AttemptResult result;

  bool has_end() const { return ended_line != kNoLine; }
};

struct RecordedCall {
  TimePoint started, finished;
  std::size_t finish_line = kNoLine;
  Reason reason = Reason::kOk;
  std::uint16_t status = 0;
  std::vector<RecordedAttempt> attempts;
};

using CallKey = std::pair<std::uint32_t, std::uint64_t>;  // worker, number

struct Recording {
  std::vector<decision::RecordedLine> lines;  // the inputs
  std::map<CallKey, RecordedCall> calls;
  // By instance, in the order of `picked`: what its answers were like at that time.
  std::map<std::string, std::vector<const RecordedAttempt*>> by_instance;
};

// Reads `<path>.inputs` and `<path>.results`.
Result<Recording> ReadRecording(const std::string& path);

}  // namespace weft::whatif
