// weftctl replay RECORDING: makes the calls of a recording again and compares all that comes of them.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "agent/replay/replay.h"
#include "controlplane/ctl/recording_path.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

Status RunReplay(Context& context, const std::string& path) {
  const Result<replay::Outcome> outcome = replay::RunFiles(RecordingPath(path));
  if (!outcome) return outcome.error();
  if (context.structured()) {
    PrintDocument(context,
                  {{"calls", outcome->calls}, {"same", outcome->same}, {"difference", outcome->difference}});
  } else if (outcome->same) {
    context.out << outcome->calls << " calls replayed, all the same\n";
  } else {
    context.out << "different after " << outcome->calls << " equal calls\n" << outcome->difference << "\n";
  }
  if (outcome->same) return {};
  return Invalid("this weftctl decides otherwise than the agent that made the recording", {}, path);
}

}  // namespace

void AddReplay(CLI::App& app, Action& action) {
  auto path = std::make_shared<std::string>();
  CLI::App* verb =
      app.add_subcommand("replay", "Make the decisions of an agent's recording again and compare them");
  verb->add_option("recording", *path, "record.path of the agent's file (PATH.inputs and PATH.results)")
      ->required();
  verb->callback(
      [path, &action] { action = [path](Context& context) { return RunReplay(context, *path); }; });
}

}  // namespace weft::ctl
