#pragma once
// Makes the calls of a recording again, in their order, on one thread, through the same objects as the agent,
// and compares everything that comes of them: verdicts, picks, permits, retries, circuit states, deltas,
// views. Only inputs are fed; the recorded results are kept apart and only compared. Stops at the first
// difference.

#include <cstdint>
#include <string>
#include <vector>

#include "agent/decision/recorder.h"
#include "common/result/result.h"

namespace weft::replay {

struct Outcome {
  std::uint64_t calls = 0;  // made and found equal
  bool same = true;
  std::string difference;  // of the first call that differs: input, recorded and replayed result
};

Outcome Run(const std::vector<decision::RecordedLine>& inputs,
            const std::vector<decision::RecordedLine>& results);
// Reads `<path>.inputs` and `<path>.results`.
Result<Outcome> RunFiles(const std::string& path);

}  // namespace weft::replay
