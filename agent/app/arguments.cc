#include "agent/app/arguments.h"

namespace weft::app {
namespace {

// "--outbound-listen" -> "outbound.listen", "--control-plane-address" -> "controlPlane.address".
std::string PathOf(std::string_view flag) {
  static const std::vector<std::pair<std::string, std::string>> kTwoWords = {
      {"control-plane", "controlPlane"}, {"access-log", "accessLog"},     {"max-age", "maxAge"},
      {"request-head", "requestHead"},   {"header-bytes", "headerBytes"}, {"client-idle", "clientIdle"},
      {"token-file", "tokenFile"},       {"max-bytes", "maxBytes"}};
  std::string path(flag.substr(2));
  for (const auto& [words, name] : kTwoWords) {
    if (const std::size_t at = path.find(words); at != std::string::npos)
      path.replace(at, words.size(), name);
  }
  for (char& c : path) {
    if (c == '-') c = '.';
  }
  return path;
}

}  // namespace

Result<Arguments> ParseArguments(const std::vector<std::string>& words) {
  Arguments out;
  std::size_t i = 0;
  if (!words.empty() && words[0] == "drain") {
    out.command = Arguments::Command::kDrain;
    i = 1;
  }
  if (!words.empty() && words[0] == "ready") {
    out.command = Arguments::Command::kReady;
    i = 1;
  }
  if (!words.empty() && words[0] == "redirect") {
    out.command = Arguments::Command::kRedirect;
    out.words.assign(words.begin() + 1, words.end());
    return out;
  }
  for (; i < words.size(); ++i) {
    std::string flag = words[i], value;
    if (flag == "--help" || flag == "-h") {
      out.command = Arguments::Command::kHelp;
      return out;
    }
    if (flag == "--version") {
      out.command = Arguments::Command::kVersion;
      return out;
    }
    if (flag.rfind("--", 0) != 0 || flag.size() < 3) {
      return Invalid("\"" + flag +
                     "\" is neither a flag nor one of the commands drain, ready and redirect; weft-agent "
                     "--help lists them");
    }
    if (const std::size_t equals = flag.find('='); equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    } else if (++i < words.size()) {
      value = words[i];
    } else {
      return Invalid(flag + " needs a value");
    }
    if (flag == "--config")
      out.config = value;
    else if (flag == "--ports-file")
      out.ports_file = value;
    else if (flag == "--admin" && out.command == Arguments::Command::kDrain)
      out.admin = value;
    else if (out.command == Arguments::Command::kReady && flag == "--telemetry")
      out.telemetry = value;
    else if (out.command == Arguments::Command::kReady && flag == "--wait") {
      const Result<Duration> wait = settings::ParseSpan(value);
      if (!wait) return Invalid(wait.error().detail, flag);
      out.wait = *wait;
    } else
      out.overrides.push_back({PathOf(flag), value, flag});
  }
  return out;
}

}  // namespace weft::app
