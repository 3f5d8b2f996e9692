#pragma once
// For the tests of this folder: a control plane of canned answers, and what weftctl is to print.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "controlplane/ctl/cli.h"
#include "controlplane/ctl/context.h"

namespace weft::ctl {

// A control plane of canned answers; what it was asked is kept.
struct Fake {
  std::map<std::string, Reply> answers;  // "GET /api/v1/services"
  std::vector<Request> asked;
  std::string dialled, token;
  std::map<std::string, std::string> variables;
  std::string input, out, err;

  Fake& On(const std::string& what, std::string body, unsigned status = 200) {
    answers[what] = {status, std::move(body)};
    return *this;
  }
  int Run(const std::vector<std::string>& arguments) {
    std::ostringstream out_stream, err_stream;
    std::istringstream in_stream(input);
    const auto dial = [this](const std::string& server, const Login& login) -> Result<Send> {
      dialled = server;
      token = login.token;
      return Send([this](const Request& request) { return Answer(request); });
    };
    const auto variable = [this](const char* name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
    const int code =
        ctl::Run(arguments, {out_stream, err_stream, in_stream, variable, dial, 1'705'312'200'000, [] {}});
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }
  Result<Reply> Answer(const Request& request) {
    asked.push_back(request);
    const auto found = answers.find(request.method + " " + request.target);
    if (found == answers.end()) return Error{ErrorKind::kUnavailable, "connection refused", {}, {}};
    if (request.on_data) request.on_data(found->second.body);
    return found->second;
  }
};

inline void ExpectGolden(const std::string& text, const std::string& name) {
  std::ifstream file("tests/golden/weftctl/" + name + ".txt");
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str()) << "tests/golden/weftctl/" << name << ".txt";
}

}  // namespace weft::ctl
