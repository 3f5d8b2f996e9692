#pragma once
// A recording: every call into the decision core, in the one order in which the process made them. Inputs go
// to
// `<path>.inputs`, what came of them to `<path>.results`; weft-replay makes the calls again and compares.
//
// Both are text. First line: "weft-recording 1 inputs" (or results). Then "CHECKSUM NUMBER TEXT": the
// checksum is of what follows it, the number counts calls from 1. Lines of one call that only prepare it
// (parts of a snapshot) begin with '+' and precede it under its number. When the bytes of both reach the
// bound, recording stops and `stopped` says so; an older recording of that path is kept as
// `<path>.inputs.old`.
//
// Thread rule: any thread; Order() is held while a call runs, so with a recorder the workers take turns.

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace weft::decision {

inline constexpr std::string_view kInputsHeader = "weft-recording 1 inputs";
inline constexpr std::string_view kResultsHeader = "weft-recording 1 results";

class Recorder {
 public:
  virtual ~Recorder() = default;
  [[nodiscard]] std::unique_lock<std::mutex> Order() { return std::unique_lock(mutex_); }
  // Under Order(). `inputs` may be several lines, the last of which is the call.
  virtual void Write(std::string_view inputs, std::string_view result) = 0;

 private:
  std::mutex mutex_;
};

class FileRecorder : public Recorder {
 public:
  static Result<std::unique_ptr<FileRecorder>> Open(const std::string& path, std::uint64_t most_bytes);
  ~FileRecorder() override;
  void Write(std::string_view inputs, std::string_view result) override;
  bool stopped() const { return stopped_; }  // full, or the disk refused
  void Flush();                              // takes Order()

 private:
  FileRecorder(std::FILE* inputs, std::FILE* results, std::uint64_t most)
      : inputs_(inputs), results_(results), most_(most) {}
  bool Line(std::FILE* file, std::string_view text);

  std::FILE* inputs_;
  std::FILE* results_;
  std::uint64_t most_, written_ = 0, number_ = 0;
  std::atomic<bool> stopped_ = false;
};

// One line of a recording, taken apart.
struct RecordedLine {
  std::uint64_t number = 0;
  std::string text;
};
// All lines of one file. A line whose checksum is wrong, or another version, is an error that names the line.
Result<std::vector<RecordedLine>> ReadRecording(const std::string& file, std::string_view header);
// Gives every line of a file that was edited by hand the checksum it needs.
Status Reseal(const std::string& file);

}  // namespace weft::decision
