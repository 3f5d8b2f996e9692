#include <gtest/gtest.h>

#include <sstream>

#include "agent/redirect/command.h"
#include "agent/redirect/probe.h"

namespace weft::redirect {
namespace {

// What nft lists for a script: the same lines behind tabs.
std::string Listed(const Options& options) {
  std::string out = "table inet weft {\n";
  for (const Chain& chain : ChainsOf(options)) {
    out += "\tchain " + chain.name + " {\n\t\t" + chain.head + "\n";
    for (const std::string& rule : chain.rules) out += "\t\t" + rule + "\n";
    out += "\t}\n\n";
  }
  return out + "}\n";
}

Options Parsed(const std::vector<std::string>& words) {
  std::vector<std::string> all = {"apply"};
  all.insert(all.end(), words.begin(), words.end());
  return ParseCommand(all).value().options;
}

std::string ErrorOf(const std::vector<std::string>& words) {
  const Result<Command> command = ParseCommand(words);
  return command ? "accepted" : command.error().Text();
}

TEST(RedirectRulesTest, OwnUserThenLoopbackThenListsThenRedirect) {
  const Options options =
      Parsed({"--skip-outbound-ports", "5432,8000-8010", "--skip-subnets=10.1.2.3/8,fd00::/8,::1",
              "--skip-inbound-ports", "22", "--uid", "77"});
  const std::vector<Chain> chains = ChainsOf(options);
  EXPECT_EQ(chains[0].rules,
            (std::vector<std::string>{"meta skuid 77 return", "oifname \"lo\" return", "tcp dport 53 return",
                                      "tcp dport 5432 return", "tcp dport 8000-8010 return",
                                      "ip daddr 10.0.0.0/8 return", "ip6 daddr fd00::/8 return",
                                      "ip6 daddr ::1 return", "meta l4proto 6 redirect to :15001"}));
  EXPECT_EQ(chains[1].rules,
            (std::vector<std::string>{"iifname \"lo\" return", "tcp dport 15020 return",
                                      "tcp dport 22 return", "meta l4proto 6 redirect to :15006"}));
}

TEST(RedirectRulesTest, SubnetsLoseTheirHostBitsAtAnyLength) {
  const Options options =
      Parsed({"--skip-subnets", "172.31.255.255/12,255.255.255.255/31,0.0.0.0/0,::/0,2001:db8:ffff::/33"});
  const std::vector<std::string> rules = ChainsOf(options)[0].rules;
  EXPECT_EQ(rules[3], "ip daddr 172.16.0.0/12 return");
  EXPECT_EQ(rules[4], "ip daddr 255.255.255.254/31 return");
  EXPECT_EQ(rules[5], "meta nfproto 2 return");
  EXPECT_EQ(rules[6], "meta nfproto 10 return");
  EXPECT_EQ(rules[7], "ip6 daddr 2001:db8:8000::/33 return");
}

TEST(RedirectRulesTest, OnlyListedInboundPortsWhenThereIsAList) {
  EXPECT_EQ(
      ChainsOf(Parsed({"--inbound-ports", "80,443"}))[1].rules,
      (std::vector<std::string>{"iifname \"lo\" return", "tcp dport 15020 return",
                                "tcp dport 80 redirect to :15006", "tcp dport 443 redirect to :15006"}));
}

TEST(RedirectRulesTest, WhatIsListedAsWantedHasNoDifference) {
  const Options options = Parsed({"--skip-outbound-ports", "5432"});
  EXPECT_EQ(Differences(options, Listed(options)), std::vector<std::string>{});
}

TEST(RedirectRulesTest, EachDifferenceIsNamed) {
  const Options wanted = Parsed({"--skip-outbound-ports", "5432"});
  const auto first = [&](std::string listed, std::string_view from, std::string_view to) {
    const std::size_t at = listed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    listed.replace(at, from.size(), to);
    const std::vector<std::string> found = Differences(wanted, listed);
    return found.empty() ? "none" : found.front();
  };
  const std::string good = Listed(wanted);
  EXPECT_EQ(first(good, "meta skuid 15001", "meta skuid 15002"),
            "chain output: rule 1 is 'meta skuid 15002 return', not 'meta skuid 15001 return'");
  EXPECT_EQ(first(good, "\t\tmeta skuid 15001 return\n", ""),
            "chain output: rule 1 is 'oifname \"lo\" return', not 'meta skuid 15001 return'");
  EXPECT_EQ(first(good, "to :15006\n", "to :15006\n\t\tcounter accept\n"),
            "chain prerouting: rule 4 'counter accept' is none of ours");
  EXPECT_EQ(
      first(good, "hook output priority -100", "hook output priority 0"),
      "chain output is 'type nat hook output priority 0; policy accept;', not 'type nat hook output priority "
      "-100; policy accept;'");
  EXPECT_EQ(first(good, "chain prerouting", "chain other"), "chain prerouting is missing");
  EXPECT_EQ(Differences(wanted, "table inet weft {\n}\n").size(), 2U);
}

TEST(RedirectCommandTest, ErrorsNameTheWord) {
  EXPECT_EQ(ErrorOf({}), "redirect: needs one of apply, check and remove");
  EXPECT_EQ(ErrorOf({"aply"}), "redirect: 'aply' is none of apply, check and remove");
  EXPECT_EQ(ErrorOf({"apply", "--uid"}), "--uid: needs a value");
  EXPECT_EQ(ErrorOf({"apply", "--uid", "0"}),
            "--uid: the agent must not run as root: everything that root opens would pass");
  EXPECT_EQ(ErrorOf({"apply", "--skip-inbound-ports", "22,70000"}),
            "--skip-inbound-ports: '70000' is neither a port (80) nor a range of ports (8000-8010)");
  EXPECT_NE(ErrorOf({"apply", "--skip-subnets", "10.0.0.0/33"}).find("prefix length"), std::string::npos);
  EXPECT_EQ(ErrorOf({"check", "--dry-run"}), "--dry-run: check changes nothing anyway");
  EXPECT_EQ(ErrorOf({"apply", "--port", "1"}),
            "--port: is no option of redirect; weft-agent redirect --help lists them");
}

TEST(RedirectCommandTest, DryRunPrintsAndChangesNothing) {
  std::ostringstream out, err;
  EXPECT_EQ(redirect::Run({"apply", "--dry-run"}, out, err), 0);
  EXPECT_EQ(out.str().rfind("add table inet weft\ndelete table inet weft\ntable inet weft {\n", 0), 0U)
      << out.str();
  EXPECT_NE(out.str().find("    meta l4proto 6 redirect to :15001\n"), std::string::npos);
  out.str("");
  EXPECT_EQ(redirect::Run({"remove", "--dry-run"}, out, err), 0);
  EXPECT_EQ(out.str(), "add table inet weft\ndelete table inet weft\n");
  EXPECT_EQ(err.str(), "");
}

TEST(RedirectProbeTest, TheTargetIsWhatTheRulesRedirect) {
  EXPECT_EQ(ProbeTarget({}, false)->ToString(), "192.0.2.1:9");
  EXPECT_EQ(ProbeTarget(Parsed({"--skip-subnets", "192.0.2.0/24", "--skip-outbound-ports", "1-100"}), false)
                ->ToString(),
            "198.51.100.1:101");
  EXPECT_FALSE(ProbeTarget(Parsed({"--skip-subnets", "0.0.0.0/0"}), false));
  EXPECT_TRUE(ProbeTarget(Parsed({"--skip-subnets", "0.0.0.0/0"}), true));
  EXPECT_FALSE(ProbeTarget(Parsed({"--skip-outbound-ports", "1-65535"}), true));
}

}  // namespace
}  // namespace weft::redirect
