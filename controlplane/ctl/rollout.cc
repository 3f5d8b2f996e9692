// weftctl rollout list|status|pause|resume|promote|abort: releases in stages.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/results.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct RolloutArgs {
  std::uint64_t revision = 0;  // zero: the newest
  bool watch = false, all = false;
};

Result<Json> FindRollout(const Context& context, std::uint64_t revision) {
  if (revision != 0) return context.client.Get("/api/v1/rollouts/" + std::to_string(revision));
  const Result<Json> answer = context.client.Get("/api/v1/rollouts?limit=1");
  if (!answer) return answer.error();
  const std::vector<Json> items = Items(*answer);
  if (items.empty())
    return Error{ErrorKind::kNotFound,
                 "nothing was rolled out in stages; begin with `weftctl apply --rollout`",
                 {},
                 {}};
  return Result<Json>(boost::system::in_place_value, items.front());
}

std::string StageText(const Json& rollout) {
  const Json stages = rollout.value("stages", Json::array());
  const std::size_t stage = rollout.value("stage", std::size_t{0});
  std::string text = std::to_string(stage) + " of " + std::to_string(stages.size());
  if (stage > 0 && stage <= stages.size()) text += " (" + stages[stage - 1].get<std::string>() + ")";
  const std::string phase = Text(rollout, "phase");
  return text + (phase.empty() ? "" : ", " + phase);
}

std::string TrafficText(const Json& rollout, const char* whose) {
  const Json traffic = rollout.value(whose, Json::object());
  const std::string requests = Text(traffic, "requests");
  if (requests.empty() || requests == "0") return {};
  return requests + " requests, " + Text(traffic, "failures") + " failed, p95 " + Text(traffic, "p95Ms") +
         "ms";
}

void PrintRollout(Context& context, const Json& rollout) {
  std::ostream& out = context.out;
  const std::string back = Text(rollout, "rolledBackAs");
  out << "revision " << Text(rollout, "revision") << ": " << Text(rollout, "state")
      << (back.empty() ? "" : " as revision " + back) << "\n";
  PrintField(out, "stage", StageText(rollout));
  PrintField(out, "agents", Text(rollout, "converged") + " of " + Text(rollout, "agents") + " apply it");
  PrintField(out, "candidate", TrafficText(rollout, "candidate"));
  PrintField(out, "others", TrafficText(rollout, "others"));
  PrintField(out, "reason", Text(rollout, "reason"));
  for (const Json& line : rollout.value("evidence", Json::array()))
    PrintField(out, "evidence", line.get<std::string>());
  PrintField(out, "by", Text(rollout, "principal"));
  PrintField(out, "began", Text(rollout, "began"));
  PrintField(out, "ended", Text(rollout, "ended"));
}

void PrintProgress(Context& context, const Json& rollout) {
  if (context.structured()) {
    context.out << rollout.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    return;
  }
  context.out << "revision " << Text(rollout, "revision") << ": " << Text(rollout, "state") << ", stage "
              << StageText(rollout) << ", " << Text(rollout, "converged") << " of " << Text(rollout, "agents")
              << " agents" << std::endl;
}

bool IsGoodEnd(const Json& rollout) { return Text(rollout, "state") == "completed"; }

// Until it has ended; a line whenever something changed. The exit code is 1 when it was taken back.
Status Follow(Context& context, Json rollout) {
  const std::uint64_t revision = rollout.value("revision", std::uint64_t{0});
  std::string shown;
  while (true) {
    const std::string now = StageText(rollout) + Text(rollout, "state") + Text(rollout, "converged");
    if (now != shown) PrintProgress(context, rollout);
    shown = now;
    if (!Text(rollout, "ended").empty()) break;
    context.pause();
    Result<Json> next = FindRollout(context, revision);
    if (!next) return next.error();
    rollout = std::move(*next);
  }
  if (!context.structured()) PrintRollout(context, rollout);
  if (!IsGoodEnd(rollout)) context.exit.success = 1;
  return {};
}

Status RunStatus(Context& context, const RolloutArgs& args) {
  Result<Json> rollout = FindRollout(context, args.revision);
  if (!rollout) return rollout.error();
  if (args.watch) return Follow(context, std::move(*rollout));
  if (context.structured()) {
    PrintDocument(context, *rollout);
  } else {
    PrintRollout(context, *rollout);
  }
  return {};
}

Status RunList(Context& context) {
  const Result<Json> answer = context.client.Get("/api/v1/rollouts");
  if (!answer) return answer.error();
  const std::vector<Json> items = Items(*answer);
  Table table({{"REVISION"}, {"STATE"}, {"STAGE"}, {"AGENTS"}, {"AGE"}, {"BY"}, {"REASON"}});
  for (const Json& rollout : items) {
    table.Add({Text(rollout, "revision"), Text(rollout, "state"), StageText(rollout),
               Text(rollout, "converged") + "/" + Text(rollout, "agents"),
               Age(context, Text(rollout, "began")), Text(rollout, "principal"), Text(rollout, "reason")});
  }
  if (items.empty() && !context.structured()) {
    context.err << "Nothing was rolled out in stages; begin with `weftctl apply --rollout`.\n";
    return {};
  }
  PrintList(context, items, table);
  return {};
}

Status RunSteer(Context& context, const RolloutArgs& args, const std::string& action) {
  const Result<Json> rollout = FindRollout(context, args.revision);
  if (!rollout) return rollout.error();
  const Result<Json> done = context.client.Post(
      "/api/v1/rollouts/" + Text(*rollout, "revision") + ":" + action + (args.all ? "?all=true" : ""), {},
      {});
  if (!done) return done.error();
  if (context.structured()) {
    PrintDocument(context, *done);
  } else {
    PrintProgress(context, *done);
  }
  return {};
}

CLI::App* Subverb(CLI::App& verb, const char* name, const char* about,
                  const std::shared_ptr<RolloutArgs>& args) {
  CLI::App* sub = verb.add_subcommand(name, about);
  sub->add_option("revision", args->revision, "As `weftctl rollout list` prints it; none: the newest");
  return sub;
}

void AddSteer(CLI::App& verb, Action& action, const char* name, const char* about) {
  auto args = std::make_shared<RolloutArgs>();
  CLI::App* sub = Subverb(verb, name, about, args);
  if (std::string_view(name) == "promote")
    sub->add_flag("--all", args->all, "To every agent at once instead of to the next stage");
  const std::string what = name;
  sub->callback([args, what, &action] {
    action = [args, what](Context& context) { return RunSteer(context, *args, what); };
  });
}

}  // namespace

void AddRollout(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("rollout", "Watch and steer releases in stages (apply --rollout)");
  verb->require_subcommand(1);
  auto args = std::make_shared<RolloutArgs>();
  CLI::App* status = Subverb(*verb, "status", "Tell how far it is, or why it was taken back", args);
  status->add_flag("-w,--watch", args->watch, "Follow it to its end; exit code 1 when it was taken back");
  status->callback(
      [args, &action] { action = [args](Context& context) { return RunStatus(context, *args); }; });
  CLI::App* list = verb->add_subcommand("list", "Print the newest, running or ended");
  list->callback([&action] { action = [](Context& context) { return RunList(context); }; });
  AddSteer(*verb, action, "pause", "Stay at this stage; what harms is still taken back");
  AddSteer(*verb, action, "resume", "Go on");
  AddSteer(*verb, action, "promote", "Go to the next stage now");
  AddSteer(*verb, action, "abort", "Take it back");
}

}  // namespace weft::ctl
