// weftctl events: what the control plane noticed, oldest first; -w goes on with what comes.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct EventsArgs {
  std::string type, reason;
  bool watch = false;
};

std::string PathAfter(const Context& context, const EventsArgs& args, const std::string& after) {
  std::string path = "/api/v1/events?after=" + after;
  if (!args.type.empty()) path += "&type=" + Escape(args.type);
  if (!args.reason.empty()) path += "&reason=" + Escape(args.reason);
  return OfMesh(context, path);
}

std::string ObjectText(const Json& object) {
  const std::string ns = Text(object, "namespace");
  return Text(object, "kind") + " " + (ns.empty() ? "" : ns + "/") + Text(object, "name");
}

Table EventTable(const Context& context, const std::vector<Json>& events) {
  Table table({{"LAST SEEN"}, {"TYPE"}, {"REASON"}, {"OBJECT"}, {"COUNT"}, {"MESSAGE"}});
  for (const Json& event : events) {
    table.Add({Age(context, Text(event, "lastSeen")), Text(event, "type"), Text(event, "reason"),
               ObjectText(event.value("object", Json::object())), Text(event, "count"),
               Text(event, "message")});
  }
  return table;
}

// One line, for those who follow: the time itself, since there is no now to count from.
void PrintLine(Context& context, const Json& event) {
  if (context.structured()) {
    context.out << event.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    return;
  }
  context.out << Text(event, "lastSeen") << "   " << Text(event, "type") << "   " << Text(event, "reason")
              << "   " << ObjectText(event.value("object", Json::object())) << "   " << Text(event, "message")
              << std::endl;
}

// Until the server is out of reach. One that began anew counts from the start again.
Status Follow(Context& context, const EventsArgs& args) {
  std::uint64_t after = 0;
  while (true) {
    const Result<Json> answer = context.client.Get(PathAfter(context, args, std::to_string(after)));
    if (!answer) return answer.error();
    for (const Json& event : Items(*answer)) PrintLine(context, event);
    const std::uint64_t last = answer->value("last", std::uint64_t{0});
    const bool anew = last < after;
    after = anew ? 0 : last;
    if (!anew) context.pause();
  }
}

Status RunEvents(Context& context, const EventsArgs& args) {
  if (args.watch) return Follow(context, args);
  const Result<Json> answer = context.client.Get(PathAfter(context, args, "0"));
  if (!answer) return answer.error();
  const std::vector<Json> items = Items(*answer);
  PrintList(context, items, EventTable(context, items));
  return {};
}

}  // namespace

void AddEvents(CLI::App& app, Action& action) {
  auto args = std::make_shared<EventsArgs>();
  CLI::App* verb = app.add_subcommand("events", "Print what the control plane noticed, oldest first");
  verb->add_option("--type", args->type, "Normal or Warning")->check(CLI::IsMember({"Normal", "Warning"}));
  verb->add_option("--reason", args->reason, "Only these, as AgentConnected");
  verb->add_flag("-w,--watch", args->watch, "Go on with what comes");
  verb->callback(
      [args, &action] { action = [args](Context& context) { return RunEvents(context, *args); }; });
}

}  // namespace weft::ctl
