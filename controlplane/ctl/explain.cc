// weftctl explain REQUEST_ID: the decision records of one request, from all connected agents or from one.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "controlplane/ctl/results.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct Record {
  std::string agent;
  Json json;
};

// Records come as objects, alone or with the node that keeps them, or as JSON texts.
void AddRecords(const Json& value, const std::string& agent, std::vector<Record>& records) {
  if (value.is_array()) {
    for (const Json& item : value) AddRecords(item, agent, records);
  } else if (value.is_string()) {
    const Json parsed = Json::parse(value.get<std::string>(), nullptr, false);
    if (parsed.is_object()) records.push_back({agent, parsed});
  } else if (value.is_object() && value.contains("requestId")) {
    records.push_back({agent, value});
  } else if (value.is_object()) {
    const std::string node = Text(value, "agent").empty() ? agent : Text(value, "agent");
    for (const char* key : {"records", "record", "json"}) {
      if (value.contains(key)) AddRecords(value[key], node, records);
    }
  }
}

std::string Joined(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() || part.empty() ? "" : ", ") + part;
  return text;
}

std::string Named(const std::string& name, const std::string& value) {
  return value.empty() ? "" : name + " " + value;
}

std::string BreakerText(const Json& record) {
  const Json breaker = record.value("breaker", Json::object());
  if (breaker.empty()) return {};
  const std::string points = Text(breaker, "points"), threshold = Text(breaker, "threshold");
  const std::string ramp = Text(breaker, "rampPercent");
  return Joined({Text(breaker, "state"), ramp.empty() ? "" : ramp + "% let through",
                 points.empty() ? "" : "points " + points + (threshold.empty() ? "" : " of " + threshold),
                 Named("requests", Text(breaker, "requests")),
                 Text(breaker, "trial") == "true" ? "this request was a trial" : ""});
}

// What the limits of caller and callee had to say.
std::string LimitsText(const Json& record) {
  return Joined({Named("refused by rate limit", Text(record, "rateLimit")),
                 Named("refused by bulkhead per", Text(record, "bulkhead")),
                 Named("concurrency limit", Text(record, "concurrencyLimit")),
                 Named("in flight", Text(record, "inFlight"))});
}

std::string SelectionText(const Json& record) {
  return Joined({Named("zone", Text(record, "zone")),
                 Text(record, "panic") == "true" ? "panic: too few are well, all were picked from" : ""});
}

std::string DeadlineText(const Json& record) {
  const std::string deadline = Text(record, "deadlineMs");
  return deadline.empty() ? "" : deadline + "ms, set by the " + Text(record, "deadlineOf");
}

std::string CandidatesText(const Json& attempt) {
  std::string text;
  for (const Json& candidate : attempt.value("candidates", Json::array())) {
    const std::string score = Text(candidate, "score");
    text += (text.empty() ? "" : ", ") + Text(candidate, "instance") + " " + Text(candidate, "standing") +
            (score.empty() ? "" : " (" + score + ")");
  }
  return text;
}

std::string Millis(const Json& value, const char* key) {
  const std::string text = Text(value, key);
  return text.empty() ? "" : text + "ms";
}

std::string HedgeText(const Json& record) {
  const std::string after = Millis(record, "hedgeAfterMs"), what = Text(record, "hedge");
  if (after.empty()) return {};
  if (what.empty()) return "due after " + after + ", not needed";
  return "due after " + after + (what == "sent" ? ", sent" : ", not sent: " + what);
}

void PrintAttempts(std::ostream& out, const Json& attempts) {
  if (attempts.empty()) {
    out << "  no attempt was made\n";
    return;
  }
  Table table({{"  ATTEMPT"},
               {"INSTANCE"},
               {"STARTED", Align::kRight},
               {"TOOK", Align::kRight},
               {"OUTCOME"},
               {"STATUS"},
               {"REASON"},
               {"RETRY"},
               {"CANDIDATES"}});
  int number = 0;
  for (const Json& attempt : attempts) {
    table.Add({"  " + std::to_string(++number), Text(attempt, "instance"), Millis(attempt, "startedMs"),
               Millis(attempt, "tookMs"), Text(attempt, "outcome"), Text(attempt, "status"),
               Text(attempt, "reason"), Text(attempt, "retry"), CandidatesText(attempt)});
  }
  out << table.Text();
}

// The rollout that this request's configuration was a candidate of.
std::string RolloutText(const Context& context, const Json& record) {
  const std::string revision = Text(record, "revision");
  if (revision.empty() || revision == "0") return {};
  const Result<Json> rollout = context.client.Get("/api/v1/rollouts/" + Escape(revision));
  if (!rollout) return {};  // it was released to all at once
  return "revision " + revision +
         " was a candidate: " + Joined({Text(*rollout, "state"), Text(*rollout, "message")});
}

void PrintRecord(Context& context, const Record& record, bool from_agent) {
  std::ostream& out = context.out;
  const Json& json = record.json;
  const std::string why = Text(json, "why");
  out << Text(json, "requestId") << " " << Text(json, "direction") << ": " << Text(json, "status") << " "
      << Text(json, "reason") << (why.empty() ? "" : " (" + why + ")") << " after " << Text(json, "tookMs")
      << "ms\n";
  PrintField(out, "agent", record.agent);
  PrintField(out, "service", Text(json, "service"));
  PrintField(out, "backend", Text(json, "backend"));
  PrintField(out, "route", Joined({Text(json, "route"), Named("rule", Text(json, "rule"))}));
  PrintField(out, "revision", Text(json, "revision"));
  if (!from_agent) PrintField(out, "rollout", RolloutText(context, json));
  PrintField(out, "sources", Text(json, "policySources"));
  PrintField(out, "breaker", BreakerText(json));
  PrintField(out, "deadline", DeadlineText(json));
  PrintField(out, "caller",
             Joined({Text(json, "caller"), Named("its attempt", Text(json, "callerAttempt"))}));
  PrintField(out, "limits", LimitsText(json));
  PrintField(out, "selection", SelectionText(json));
  PrintField(out, "timeout", Named("adaptive", Millis(json, "adaptiveTimeoutMs")));
  PrintField(out, "prediction", Named("risk", Text(json, "risk")));
  PrintField(out, "hedging", HedgeText(json));
  PrintField(out, "budget", Named("retry tokens", Text(json, "retryTokens")));
  PrintAttempts(out, json.value("attempts", Json::array()));
}

Error NothingKept(const Json& answer, const std::string& id) {
  const bool nobody = answer.is_object() && answer.value("asked", 1) == 0;
  const std::string why = nobody
                              ? "no agent reports to this control plane; ask one with --agent IP:15000"
                              : "no agent keeps a record of '" + id +
                                    "'; each keeps its last requests only, older ones are in its access log";
  return {ErrorKind::kNotFound, why, {}, {}};
}

// The id of the newest request to the service that did not end in 2xx, wherever it was kept.
Result<std::string> LastErrorOf(Context& context, const std::string& service, const std::string& agent) {
  const NamespacedName name = SplitName(context, service);
  const std::string key = name.ns + "/" + name.name;
  const Result<Json> answer = agent.empty()
                                  ? context.client.Get("/api/v1/explain/-?lastErrorOf=" + Escape(key))
                                  : context.connect(agent).Get("/decisions?limit=1000&failed=true");
  if (!answer) return answer.error();
  std::vector<Record> records;
  AddRecords(*answer, agent, records);
  std::erase_if(records, [&](const Record& record) { return Text(record.json, "service") != key; });
  const auto newest = std::max_element(records.begin(), records.end(), [](const Record& a, const Record& b) {
    return a.json.value("startedUnixMs", std::int64_t{0}) < b.json.value("startedUnixMs", std::int64_t{0});
  });
  if (newest != records.end()) return Text(newest->json, "requestId");
  return Error{
      ErrorKind::kNotFound, "no agent keeps a request to '" + key + "' that did not end in 2xx", {}, {}};
}

Status RunExplain(Context& context, const std::string& id, const std::string& agent) {
  const Result<Json> answer = agent.empty() ? context.client.Get("/api/v1/explain/" + Escape(id))
                                            : context.connect(agent).Get("/explain/" + Escape(id));
  if (!answer) return answer.error();
  std::vector<Record> records;
  AddRecords(*answer, agent, records);
  if (records.empty()) return NothingKept(*answer, id);
  std::stable_sort(records.begin(), records.end(), [](const Record& a, const Record& b) {
    return a.json.value("startedUnixMs", std::int64_t{0}) < b.json.value("startedUnixMs", std::int64_t{0});
  });
  if (context.structured()) {
    PrintDocument(context, *answer);
    return {};
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i > 0) context.out << "\n";
    PrintRecord(context, records[i], !agent.empty());
  }
  return {};
}

}  // namespace

void AddExplain(CLI::App& app, Action& action) {
  struct Args {
    std::string id, agent, service;
  };
  auto args = std::make_shared<Args>();
  CLI::App* verb = app.add_subcommand("explain", "Tell why a request went where it went, or failed");
  verb->add_option("request-id", args->id, "Value of x-request-id");
  verb->add_option("--agent", args->agent, "Ask this agent's admin port instead, such as 127.0.0.1:15000");
  verb->add_option("--last-error", args->service,
                   "The newest request to this service that did not end in 2xx");
  verb->callback([args, &action] {
    action = [args](Context& context) -> Status {
      if (args->id.empty() == args->service.empty())
        return Invalid("give a request id, or --last-error and a service");
      if (args->service.empty()) return RunExplain(context, args->id, args->agent);
      const Result<std::string> id = LastErrorOf(context, args->service, args->agent);
      return id ? RunExplain(context, *id, args->agent) : Status(id.error());
    };
  });
}

}  // namespace weft::ctl
