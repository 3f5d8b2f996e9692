#include "agent/whatif/recording.h"

#include <algorithm>
#include <unordered_map>

#include "agent/decision/text.h"
#include "agent/engine/tape.h"

namespace weft::whatif {
namespace {

using decision::LineReader;
using decision::RecordedLine;

class Reader {
 public:
  explicit Reader(Recording& out) : out_(out) {}

  void Line(std::size_t at, const LineReader& line, const std::string& result) {
    const auto worker = line.Number<std::uint32_t>("worker");
    if (line.op() == "start") {
      out_.calls[{worker, ++started_[worker]}].started = line.Time("now");
      return;
    }
    if (line.op() != "pick" && line.op() != "ended" && line.op() != "finish") return;
    const auto found = out_.calls.find({worker, line.Number<std::uint64_t>("call")});
    if (found == out_.calls.end()) return;
    RecordedCall& call = found->second;
    if (line.op() == "pick") {
      RecordedAttempt& attempt = call.attempts.emplace_back();
      attempt.instance = LineReader(result).Text("instance");
      attempt.picked = line.Time("now");
      attempt.picked_line = at;
    } else if (line.op() == "ended" && !call.attempts.empty()) {
      call.attempts.back().ended = line.Time("now");
      call.attempts.back().ended_line = at;
      call.attempts.back().result = engine::tape::ReadResult(line);
    } else if (line.op() == "finish") {
      call.finished = line.Time("now");
      call.finish_line = at;
      call.reason = line.Enum<Reason>("reason");
      call.status = line.Number<std::uint16_t>("status");
    }
  }

 private:
  Recording& out_;
  std::unordered_map<std::uint32_t, std::uint64_t> started_;
};

// Whether an attempt says what the instance did, and not only what we or the client did.
bool Tells(const RecordedAttempt& attempt) {
  using engine::Outcome;
  if (!attempt.has_end() || attempt.instance.empty()) return false;
  const Outcome outcome = attempt.result.outcome;
  return outcome != Outcome::kLocal && outcome != Outcome::kClientClosed && outcome != Outcome::kOutrun &&
         outcome != Outcome::kCallerDeadline;
}

}  // namespace

Result<Recording> ReadRecording(const std::string& path) {
  auto inputs = decision::ReadRecording(path + ".inputs", decision::kInputsHeader);
  if (!inputs) return inputs.error();
  auto results = decision::ReadRecording(path + ".results", decision::kResultsHeader);
  if (!results) return results.error();
  Recording recording;
  recording.lines = std::move(*inputs);
  Reader reader(recording);
  std::size_t next = 0;
  for (std::size_t i = 0; i < recording.lines.size(); ++i) {
    const RecordedLine& line = recording.lines[i];
    if (line.text.starts_with('+')) continue;
    if (next >= results->size() || (*results)[next].number != line.number) {
      return Invalid(
          "call " + std::to_string(line.number) + " has no result there; both files must be of one recording",
          {}, path + ".results");
    }
    reader.Line(i, LineReader(line.text), (*results)[next++].text);
  }
  for (const auto& [key, call] : recording.calls) {
    for (const RecordedAttempt& attempt : call.attempts) {
      if (Tells(attempt)) recording.by_instance[attempt.instance].push_back(&attempt);
    }
  }
  for (auto& [instance, attempts] : recording.by_instance) {
    std::sort(attempts.begin(), attempts.end(), [](const auto* a, const auto* b) {
      return a->picked != b->picked ? a->picked < b->picked : a->picked_line < b->picked_line;
    });
  }
  return recording;
}

}  // namespace weft::whatif
