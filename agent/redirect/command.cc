#include "agent/redirect/command.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ostream>

#include "agent/redirect/nft.h"
#include "agent/redirect/probe.h"

namespace weft::redirect {
namespace {

constexpr const char* kHelp =
    R"(weft-agent redirect: sends the TCP connections of this network namespace through the agent. Usage:

  weft-agent redirect apply  [OPTION]... [--dry-run]   set the rules, replacing what an earlier apply set, and check them
  weft-agent redirect check  [OPTION]...               exit code 1 and a line for each way past the agent
  weft-agent redirect remove [--dry-run]               take them back

  --uid N                 user of the agent, whose connections pass (15001)
  --outbound-port N       where outgoing connections go (15001)
  --inbound-port N        where incoming connections go (15006)
  --telemetry-port N      of the agent, never redirected (15020)
  --inbound-ports LIST    only incoming connections to these ports; else all
  --skip-inbound-ports LIST, --skip-outbound-ports LIST     these ports pass
  --skip-subnets LIST     outgoing connections to these addresses or prefixes pass
  --dry-run               print what nft would be told

LIST: comma-separated; ports may be ranges (8000-8010). IPv4 and IPv6. Never touched: loopback, DNS (port 53), what is
not TCP. Needs root with CAP_NET_ADMIN, and the program nft.
)";

std::vector<std::string> Split(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (end > 0) out.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

template <class T>
Status ReadList(std::string_view text, std::vector<T>& out) {
  for (const std::string& word : Split(text)) {
    Result<T> one = T::Parse(word);
    if (!one) return one.error();
    out.push_back(*one);
  }
  if (out.size() > kMostRules)
    return Invalid("has " + std::to_string(out.size()) + " entries, at most " + std::to_string(kMostRules) +
                   "; write ranges or larger prefixes");
  return {};
}

Status ReadPort(std::string_view text, std::uint16_t& out) {
  const Result<std::uint16_t> port = net::ParsePort(text);
  if (!port || *port == 0) return Invalid("'" + std::string(text) + "' is no port");
  out = *port;
  return {};
}

Status ReadUid(std::string_view text, std::uint32_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size())
    return Invalid("'" + std::string(text) + "' is no user id");
  if (out == 0) return Invalid("the agent must not run as root: everything that root opens would pass");
  return {};
}

Status ReadOption(const std::string& flag, const std::string& value, Options& out) {
  if (flag == "--uid") return ReadUid(value, out.uid);
  if (flag == "--outbound-port") return ReadPort(value, out.outbound);
  if (flag == "--inbound-port") return ReadPort(value, out.inbound);
  if (flag == "--telemetry-port") return ReadPort(value, out.telemetry);
  if (flag == "--inbound-ports") return ReadList(value, out.inbound_ports);
  if (flag == "--skip-inbound-ports") return ReadList(value, out.skip_inbound);
  if (flag == "--skip-outbound-ports") return ReadList(value, out.skip_outbound);
  if (flag == "--skip-subnets") return ReadList(value, out.skip_subnets);
  return Invalid("is no option of redirect; weft-agent redirect --help lists them");
}

Result<Command::Verb> ParseVerb(const std::string& word) {
  if (word == "apply") return Command::Verb::kApply;
  if (word == "check") return Command::Verb::kCheck;
  if (word == "remove") return Command::Verb::kRemove;
  if (word == "--help" || word == "-h") return Command::Verb::kHelp;
  return Invalid("'" + word + "' is none of apply, check and remove", "redirect");
}

Status Check(const Options& options, std::ostream& out) {
  std::vector<std::string> problems;
  const Result<std::string> listed = RunNft({"-nn", "list", "table", "inet", std::string(kTable)}, {});
  if (listed) {
    problems = Differences(options, *listed);
  } else if (listed.error().detail.find("No such file or directory") != std::string::npos) {
    problems.push_back("the table inet weft is not there: weft-agent redirect apply");
  } else {
    return listed.error();
  }
  if (geteuid() == options.uid) {
    problems.push_back("this is the agent's own user, whose connections pass: check as another one");
  } else if (problems.empty()) {  // one reason is enough
    Probed probed = ProbeOutbound(options);
    for (const std::string& line : probed.passed) out << line << "\n";
    problems = std::move(probed.problems);
  }
  for (const std::string& line : problems) out << "problem: " << line << "\n";
  if (!problems.empty())
    return Invalid("traffic would bypass the agent or loop through it (" + std::to_string(problems.size()) +
                   " problem(s) above)");
  out << "redirection is as it should be\n";
  return {};
}

Status Perform(const Command& command, std::ostream& out) {
  if (command.verb == Command::Verb::kCheck) return Check(command.options, out);
  const bool apply = command.verb == Command::Verb::kApply;
  const std::string script = apply ? ApplyScript(command.options) : RemoveScript();
  if (command.dry_run) {
    out << script;
    return {};
  }
  const Result<std::string> done = RunNft({"-f", "-"}, script);
  if (!done) return done.error();
  return apply ? Check(command.options, out) : Status();
}

}  // namespace

Result<Command> ParseCommand(const std::vector<std::string>& words) {
  Command command;
  if (words.empty()) return Invalid("needs one of apply, check and remove", "redirect");
  const Result<Command::Verb> verb = ParseVerb(words[0]);
  if (!verb) return verb.error();
  command.verb = *verb;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string flag = words[i], value;
    if (flag == "--help" || flag == "-h") return Command{};
    if (flag == "--dry-run") {
      if (command.verb == Command::Verb::kCheck) return Invalid("check changes nothing anyway", flag);
      command.dry_run = true;
      continue;
    }
    if (const std::size_t equals = flag.find('='); equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    } else if (++i < words.size()) {
      value = words[i];
    } else {
      return Invalid("needs a value", flag);
    }
    if (const Status read = ReadOption(flag, value, command.options); !read) {
      return Invalid(read.error().detail, flag);
    }
  }
  return command;
}

int Run(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const Result<Command> command = ParseCommand(words);
  if (!command) {
    err << "weft-agent: " << command.error().Text() << "\n";
    return 2;
  }
  if (command->verb == Command::Verb::kHelp) {
    out << kHelp;
    return 0;
  }
  const Status done = Perform(*command, out);
  if (done) return 0;
  out.flush();
  err << "weft-agent redirect: " << done.error().Text() << "\n";
  return 1;
}

}  // namespace weft::redirect
