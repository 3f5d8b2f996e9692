#pragma once
// The access log: one line per request, as text or as a JSON object. A worker collects lines and hands them
// over once per loop turn; one thread of the process writes them. Nothing waits for the disk: a line that
// finds the queue full is dropped and counted. Of the target only the path is logged, for queries carry
// secrets. Thread rule: an AccessLog belongs to one worker, a LogWriter is thread safe.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "agent/report/labels.h"
#include "agent/report/report.h"
#include "common/result/result.h"

namespace weft::report {

enum class LogFormat : std::uint8_t { kText, kJson };

class LogWriter {
 public:
  // "-": standard output. `most`: bytes that may wait.
  static Result<std::shared_ptr<LogWriter>> Open(const std::string& path, std::size_t most = 1 << 20);
  LogWriter(int fd, bool owned, std::size_t most);
  ~LogWriter();  // writes what waits, then closes
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  bool Append(std::string_view lines);  // false: no room, nothing was taken
  void Drain();                         // returns when everything appended so far is written

 private:
  void Run();

  const int fd_;
  const bool owned_;
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable wake_, written_;
  std::string waiting_;                  // guarded by mutex_
  bool writing_ = false, stop_ = false;  // guarded by mutex_
  std::thread thread_;
};

class AccessLog {
 public:
  // `wall_minus_monotonic` turns times of the loop into wall-clock times.
  AccessLog(std::shared_ptr<LogWriter> writer, LogFormat format, Duration wall_minus_monotonic);

  void Write(const RequestReport& report, std::string_view route, Classification classification);
  void Flush();
  std::uint64_t dropped() const { return dropped_; }  // lines

 private:
  std::shared_ptr<LogWriter> writer_;
  LogFormat format_;
  Duration offset_;
  std::string lines_;
  std::uint64_t count_ = 0, dropped_ = 0;
};

// One line with its line feed, appended to `out`.
void FormatText(const RequestReport& report, std::string_view route, Classification classification,
                Duration offset, std::string& out);
void FormatJson(const RequestReport& report, std::string_view route, Classification classification,
                Duration offset, std::string& out);

}  // namespace weft::report
