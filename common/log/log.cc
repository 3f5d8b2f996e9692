#include "common/log/log.h"

#include "common/time/time.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cinttypes>

namespace weft::log {
namespace {

struct Output {
  std::shared_ptr<spdlog::logger> logger;
  std::atomic<Format> format{Format::kText};
};

Output& TheOutput() {
  static Output output{[] {
                         auto logger = std::make_shared<spdlog::logger>(
                             "weft", std::make_shared<spdlog::sinks::stderr_sink_mt>());
                         logger->set_pattern("%v");
                         return logger;
                       }(),
                       Format::kText};
  return output;
}

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};

spdlog::level::level_enum ToSpdlog(Level level) {
  static constexpr std::array kMap = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                      spdlog::level::err};
  return kMap[static_cast<std::size_t>(level)];
}

bool IsSecret(std::string_view key) {
  std::string lower(key);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const std::string_view word : {"token", "password", "authorization", "cookie", "secret"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(byte));
      out += escaped;
    } else {
      out += c;
    }
  }
  out += '"';
}

bool IsPlainWord(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '='; });
}

void AppendValue(std::string& out, const Field& field, bool json) {
  if (IsSecret(field.key)) {
    out += json ? "\"***\"" : "***";
  } else if (const auto* text = std::get_if<std::string>(&field.value)) {
    json || !IsPlainWord(*text) ? AppendQuoted(out, *text) : static_cast<void>(out += *text);
  } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
    out += std::to_string(*number);
  } else if (const auto* real = std::get_if<double>(&field.value)) {
    char shown[32];
    std::snprintf(shown, sizeof shown, "%.6g", *real);
    out += shown;
  } else {
    out += std::get<bool>(field.value) ? "true" : "false";
  }
}

void Write(Level level, std::string_view message, Fields fields) {
  Output& output = TheOutput();
  if (!output.logger->should_log(ToSpdlog(level))) return;
  const std::string line =
      Render(output.format, level, UtcText(std::chrono::floor<std::chrono::milliseconds>(ReadWallClock())),
             message, fields);
  output.logger->log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

template <std::size_t N>
int IndexOf(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

}  // namespace

Result<Level> ParseLevel(std::string_view text) {
  const int index = IndexOf(kLevels, text);
  if (index < 0)
    return Invalid("'" + std::string(text) + "' is no log level; use debug, info, warn or error");
  return static_cast<Level>(index);
}

Result<Format> ParseFormat(std::string_view text) {
  const int index = IndexOf(std::array<std::string_view, 2>{"text", "json"}, text);
  if (index < 0) return Invalid("'" + std::string(text) + "' is no log format; use text or json");
  return static_cast<Format>(index);
}

Status Configure(const Settings& settings) {
  Output& output = TheOutput();
  if (!settings.path.empty()) {
    try {
      output.logger = std::make_shared<spdlog::logger>(
          "weft", std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.path));
    } catch (const spdlog::spdlog_ex& failure) {
      return weft::Error{
          ErrorKind::kInvalid, std::string("cannot open the log file: ") + failure.what(), {}, {}};
    }
    output.logger->set_pattern("%v");
  }
  output.format = settings.format;
  output.logger->set_level(ToSpdlog(settings.level));
  output.logger->flush_on(spdlog::level::info);
  return {};
}

void SetLevel(Level level) { TheOutput().logger->set_level(ToSpdlog(level)); }
void Debug(std::string_view message, Fields fields) { Write(Level::kDebug, message, fields); }
void Info(std::string_view message, Fields fields) { Write(Level::kInfo, message, fields); }
void Warn(std::string_view message, Fields fields) { Write(Level::kWarn, message, fields); }
void Error(std::string_view message, Fields fields) { Write(Level::kError, message, fields); }

std::string Render(Format format, Level level, std::string_view at, std::string_view message, Fields fields) {
  const bool json = format == Format::kJson;
  const std::string_view name = kLevels[static_cast<std::size_t>(level)];
  std::string out;
  if (json) {
    out.append("{\"time\":\"").append(at).append("\",\"level\":\"").append(name).append("\",\"message\":");
    AppendQuoted(out, message);
  } else {
    out.append(at).append(" ").append(name).append(" ").append(message);
  }
  for (const Field& field : fields) {
    out += json ? "," : " ";
    json ? AppendQuoted(out, field.key) : static_cast<void>(out.append(field.key));
    out += json ? ":" : "=";
    AppendValue(out, field, json);
  }
  if (json) out += "}";
  return out;
}

std::uint64_t Limiter::Pass(std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  const std::int64_t second = now_ns / 1'000'000'000;
  if (second != second_) {
    second_ = second;
    used_ = 0;
  }
  if (used_ >= burst_) {
    ++held_;
    return 0;
  }
  ++used_;
  return 1 + std::exchange(held_, 0);
}

}  // namespace weft::log
