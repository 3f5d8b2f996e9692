#include "agent/report/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weft::report {

Result<std::shared_ptr<LogWriter>> LogWriter::Open(const std::string& path, std::size_t most) {
  if (path == "-") return std::make_shared<LogWriter>(STDOUT_FILENO, false, most);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) {
    return Invalid("cannot open the access log '" + path + "': " + std::strerror(errno) +
                   "; name a file in a folder that the agent may write to, or '-'");
  }
  return std::make_shared<LogWriter>(fd, true, most);
}

LogWriter::LogWriter(int fd, bool owned, std::size_t most)
    : fd_(fd), owned_(owned), most_(most), thread_([this] { Run(); }) {}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  if (owned_) ::close(fd_);
}

bool LogWriter::Append(std::string_view lines) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + lines.size() > most_) return false;
    waiting_.append(lines);
  }
  wake_.notify_one();
  return true;
}

void LogWriter::Drain() {
  std::unique_lock lock(mutex_);
  written_.wait(lock, [this] { return waiting_.empty() && !writing_; });
}

void LogWriter::Run() {
  std::string batch;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    batch.swap(waiting_);
    writing_ = true;
    lock.unlock();
    for (std::size_t done = 0; done < batch.size();) {
      const ssize_t n = ::write(fd_, batch.data() + done, batch.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;  // a full disk or a closed pipe: these lines are lost, the agent goes on
      done += static_cast<std::size_t>(n);
    }
    batch.clear();
    lock.lock();
    writing_ = false;
    written_.notify_all();
  }
}

AccessLog::AccessLog(std::shared_ptr<LogWriter> writer, LogFormat format, Duration wall_minus_monotonic)
    : writer_(std::move(writer)), format_(format), offset_(wall_minus_monotonic) {}

void AccessLog::Write(const RequestReport& report, std::string_view route, Classification classification) {
  const auto format = format_ == LogFormat::kJson ? FormatJson : FormatText;
  format(report, route, classification, offset_, lines_);
  ++count_;
}

void AccessLog::Flush() {
  if (count_ == 0) return;
  if (!writer_->Append(lines_)) dropped_ += count_;
  lines_.clear();
  count_ = 0;
}

}  // namespace weft::report
