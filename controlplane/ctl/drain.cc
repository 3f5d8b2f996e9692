// weftctl drain AGENT: its agent announces the drain in-band and finishes what it has.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/verbs.h"

namespace weft::ctl {

void AddDrain(CLI::App& app, Action& action) {
  auto agent = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("drain", "Tell an agent to drain its instance");
  verb->add_option("agent", *agent, "Id of a connected agent, as `weftctl agents` prints it")->required();
  verb->callback([agent, &action] {
    action = [agent](Context& context) -> Status {
      const Result<Json> answer = context.client.Post("/api/v1/agents/" + Escape(*agent) + ":drain", {}, {});
      if (!answer) return answer.error();
      context.out << "agent \"" << *agent << "\" told to drain\n";
      return {};
    };
  });
}

}  // namespace weft::ctl
