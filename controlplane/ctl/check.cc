// weftctl check: is the control plane well, and does every agent hold what was released. Printed as `linkerd
// check` prints: categories underlined with dashes, one line per check, √ ‼ ×, an indented cause.
#include <CLI/CLI.hpp>
#include <ostream>

#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

enum class Outcome : unsigned char { kSuccess, kWarning, kError };

struct Check {
  std::string description;
  Outcome outcome = Outcome::kSuccess;
  std::string cause, hint;
};

struct Category {
  std::string name;
  std::vector<Check> checks;

  void Add(std::string description, const Status& status, std::string hint, Outcome bad = Outcome::kError) {
    Check check{std::move(description), Outcome::kSuccess, {}, {}};
    if (!status) check = {check.description, bad, status.error().Text(), std::move(hint)};
    checks.push_back(std::move(check));
  }
};

Status AsStatus(const Result<Json>& answer) { return answer ? Status() : Status(answer.error()); }

Category CheckControlPlane(const Context& context, bool& reachable) {
  Category category{"weft-control-plane", {}};
  const Result<Json> version = context.client.Get("/api/v1/version");
  reachable = version.has_value();
  category.Add("can talk to the API at " + context.client.server(), AsStatus(version),
               "start weft-control, or set --server (WEFT_SERVER) and --token-file (WEFT_TOKEN_FILE)");
  if (reachable) {
    category.Add("store answers", AsStatus(context.client.Get("/api/v1/services")),
                 "read the log of weft-control for store errors");
  }
  return category;
}

Category CheckVersions(const Context& context) {
  Category category{"weft-version", {}};
  const Result<Json> answer = context.client.Get("/api/v1/version");
  const std::string server = answer ? Text(*answer, "version") : std::string();
  const Status same =
      server == context.version
          ? Status()
          : Status(Invalid("weftctl is " + context.version + ", the control plane is " + server));
  category.Add("weftctl and the control plane have the same version", same,
               "install the same release of both", Outcome::kWarning);
  return category;
}

std::string Names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Status NoneOf(const std::vector<std::string>& names, const std::string& problem) {
  return names.empty() ? Status() : Status(Invalid(problem + ": " + Names(names)));
}

Category CheckDataPlane(const Context& context) {
  Category category{"weft-data-plane", {}};
  const Result<Json> answer = context.client.Get("/api/v1/agents");
  category.Add("agents can be listed", AsStatus(answer), "read the log of weft-control");
  if (!answer) return category;
  std::vector<std::string> partial, waiting, other_version;
  const std::vector<Json> agents = Items(*answer);
  for (const Json& agent : agents) {
    if (Text(agent, "partial") == "true") partial.push_back(Text(agent, "id"));
    if (Text(agent, "awaitingAccept") == "true") waiting.push_back(Text(agent, "id"));
    const std::string version = Text(agent, "version");
    if (!version.empty() && version != context.version)
      other_version.push_back(Text(agent, "id") + " (" + version + ")");
  }
  category.Add("at least one agent is connected",
               agents.empty() ? Status(Invalid("no agent is connected")) : Status(),
               "set controlPlane.address in the agents' files", Outcome::kWarning);
  category.Add("every agent took all of its configuration", NoneOf(partial, "some refused a part"),
               "weftctl agents prints each one's last NACK");
  category.Add("no agent waits for a new store to be accepted", NoneOf(waiting, "waiting"),
               "weftctl agents accept ID");
  category.Add("agents have the version of weftctl", NoneOf(other_version, "others"), "update the agents",
               Outcome::kWarning);
  return category;
}

std::string_view Word(Outcome outcome) {
  return outcome == Outcome::kSuccess ? "success" : outcome == Outcome::kWarning ? "warning" : "error";
}

Json AsJson(const std::vector<Category>& categories, bool good) {
  Json document{{"success", good}, {"categories", Json::array()}};
  for (const Category& category : categories) {
    Json checks = Json::array();
    for (const Check& check : category.checks) {
      Json entry{{"description", check.description}};
      if (!check.hint.empty()) entry["hint"] = check.hint;
      if (!check.cause.empty()) entry["error"] = check.cause;
      entry["result"] = Word(check.outcome);
      checks.push_back(std::move(entry));
    }
    document["categories"].push_back({{"categoryName", category.name}, {"checks", checks}});
  }
  return document;
}

void PrintChecks(std::ostream& out, const std::vector<Category>& categories, bool good) {
  for (const Category& category : categories) {
    out << category.name << "\n" << std::string(category.name.size(), '-') << "\n";
    for (const Check& check : category.checks) {
      out << (check.outcome == Outcome::kSuccess   ? "√ "
              : check.outcome == Outcome::kWarning ? "‼ "
                                                   : "× ")
          << check.description << "\n";
      if (!check.cause.empty()) out << "    " << check.cause << "\n";
      if (!check.hint.empty()) out << "    hint: " << check.hint << "\n";
    }
    out << "\n";
  }
  out << "Status check results are " << (good ? "√" : "×") << "\n";
}

Status RunCheck(Context& context) {
  bool reachable = false;
  std::vector<Category> categories = {CheckControlPlane(context, reachable)};
  if (reachable) {
    categories.push_back(CheckVersions(context));
    categories.push_back(CheckDataPlane(context));
  }
  bool good = true;
  for (const Category& category : categories) {
    for (const Check& check : category.checks) good = good && check.outcome != Outcome::kError;
  }
  if (context.structured()) {
    PrintDocument(context, AsJson(categories, good));
  } else {
    PrintChecks(context.out, categories, good);
  }
  return good ? Status() : Status(Error{ErrorKind::kUnavailable, {}, {}, {}});
}

}  // namespace

void AddCheck(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("check", "Check the control plane and its agents");
  verb->callback([&action] { action = RunCheck; });
}

}  // namespace weft::ctl
