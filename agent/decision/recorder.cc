#include "agent/decision/recorder.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "common/net/key.h"

namespace weft::decision {
namespace {

constexpr std::size_t kChecksum = 16;

std::string ChecksumOf(std::string_view text) {
  char digits[kChecksum + 1];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(HashBytes(text)));
  return digits;
}

Result<std::FILE*> Create(const std::string& path, std::string_view header) {
  std::rename(path.c_str(), (path + ".old").c_str());
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    return Invalid("cannot write the recording " + path + ": " + std::strerror(errno) +
                   "; choose another path");
  }
  std::fwrite(header.data(), 1, header.size(), file);
  std::fputc('\n', file);
  return file;
}

}  // namespace

Result<std::unique_ptr<FileRecorder>> FileRecorder::Open(const std::string& path, std::uint64_t most_bytes) {
  const Result<std::FILE*> inputs = Create(path + ".inputs", kInputsHeader);
  if (!inputs) return inputs.error();
  const Result<std::FILE*> results = Create(path + ".results", kResultsHeader);
  if (!results) {
    std::fclose(*inputs);
    return results.error();
  }
  return std::unique_ptr<FileRecorder>(new FileRecorder(*inputs, *results, most_bytes));
}

FileRecorder::~FileRecorder() {
  std::fclose(inputs_);
  std::fclose(results_);
}

void FileRecorder::Flush() {
  const auto order = Order();
  std::fflush(inputs_);
  std::fflush(results_);
}

bool FileRecorder::Line(std::FILE* file, std::string_view text) {
  const std::string rest = std::to_string(number_) + ' ' + std::string(text);
  const std::string line = ChecksumOf(rest) + ' ' + rest + '\n';
  written_ += line.size();
  return std::fwrite(line.data(), 1, line.size(), file) == line.size();
}

void FileRecorder::Write(std::string_view inputs, std::string_view result) {
  if (stopped_) return;
  if (written_ + inputs.size() + result.size() + 100 > most_) {
    stopped_ = true;
    return;
  }
  ++number_;
  bool good = true;
  while (true) {
    const std::size_t end = inputs.find('\n');
    good &= Line(inputs_, inputs.substr(0, end));
    if (end == std::string_view::npos) break;
    inputs.remove_prefix(end + 1);
  }
  good &= Line(results_, result);
  if (!good) stopped_ = true;
}

Result<std::vector<RecordedLine>> ReadRecording(const std::string& file, std::string_view header) {
  std::ifstream in(file);
  if (!in) return Error{ErrorKind::kNotFound, "cannot read " + file, {}, {}};
  std::vector<RecordedLine> lines;
  std::string line;
  std::size_t at = 1;
  if (!std::getline(in, line) || line != header) {
    return Invalid("begins with '" + line + "' instead of '" + std::string(header) + "'", {}, file + ":1");
  }
  while (std::getline(in, line)) {
    const std::string where = file + ":" + std::to_string(++at);
    if (in.eof()) return Invalid("the last line is cut off; delete it and what belongs to it", {}, where);
    if (line.size() <= kChecksum + 1 ||
        ChecksumOf(std::string_view(line).substr(kChecksum + 1)) != line.substr(0, kChecksum)) {
      return Invalid("the checksum is wrong; after an edit run weft-replay --reseal", {}, where);
    }
    RecordedLine read;
    const char* begin = line.data() + kChecksum + 1;
    const auto number = std::from_chars(begin, line.data() + line.size(), read.number);
    if (number.ec != std::errc() || *number.ptr != ' ') return Invalid("has no number", {}, where);
    read.text = number.ptr + 1;
    lines.push_back(std::move(read));
  }
  return lines;
}

Status Reseal(const std::string& file) {
  std::ifstream in(file);
  if (!in) return Error{ErrorKind::kNotFound, "cannot read " + file, {}, {}};
  std::string line, all;
  std::getline(in, line);
  all = line + '\n';
  while (std::getline(in, line)) {
    if (line.size() > kChecksum)
      line = ChecksumOf(std::string_view(line).substr(kChecksum + 1)) + line.substr(kChecksum);
    all += line + '\n';
  }
  std::ofstream out(file);
  out << all;
  if (!out) return Error{ErrorKind::kUnavailable, "cannot write " + file, {}, {}};
  return {};
}

}  // namespace weft::decision
