// weftctl simulate FILE -f RESOURCES: plays a scenario in virtual time.
// weftctl simulate --log RECORDING --with POLICY: what an agent's recorded traffic would have met under
// another policy.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <ostream>

#include "agent/scenario/scenario.h"
#include "agent/simulate/draws.h"
#include "controlplane/ctl/input.h"
#include "controlplane/ctl/recording_path.h"
#include "controlplane/ctl/results.h"
#include "controlplane/ctl/verbs.h"
#include "controlplane/ctl/whatif_table.h"

namespace weft::ctl {
namespace {

struct SimulateArgs {
  std::string scenario, log;
  std::vector<std::string> resources, with;
};

std::string Fixed(double value, int places) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", places, value);
  return text;
}

std::string PercentText(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? std::string()
                    : Fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 2) + "%";
}

Result<scenario::Scenario> ReadScenario(Context& context, const std::string& path) {
  const Result<std::vector<InputFile>> files = ReadInputs(context, {path});
  if (!files) return files.error();
  const scenario::Parsed parsed = scenario::Parse(files->front().text, files->front().name);
  for (const Error& error : parsed.errors) context.err << "error: " << error.Text() << "\n";
  if (!parsed.errors.empty())
    return Invalid(std::to_string(parsed.errors.size()) + " problem(s) in the scenario");
  return parsed.scenario;
}

Result<compile::Output> Compiled(Context& context, const std::vector<std::string>& paths) {
  const auto documents = CheckedDocuments(context, paths);
  if (!documents) return documents.error();
  compile::Inputs inputs;
  inputs.documents = *documents;
  compile::Output output = compile::Compile(inputs);
  std::size_t problems = 0;
  for (const compile::Finding& finding : output.findings) {
    if (!finding.error) continue;
    context.err << "error: " << finding.Text() << " [" << finding.code << "]\n";
    ++problems;
  }
  if (problems > 0) return Invalid(std::to_string(problems) + " problem(s) in the resources");
  return output;
}

// A line per tenth of the time, so that a fault and what it does stand below one another.
std::string TimelineText(const scenario::Scenario& scenario, const scenario::Report& report) {
  Table table({{"FROM", Align::kRight},
               {"REQUESTS", Align::kRight},
               {"SUCCESS", Align::kRight},
               {"REFUSED", Align::kRight},
               {"RETRIES", Align::kRight}});
  const Duration step =
      std::max<Duration>(simulate::kSlice, scenario.duration / 10 / simulate::kSlice * simulate::kSlice);
  for (Duration from = Duration::zero(); from < scenario.duration; from += step) {
    const simulate::Counts c = report.tally.Between(report.begin + from, report.begin + from + step);
    table.Add({Fixed(simulate::InSeconds(from), 1) + "s", std::to_string(c.requests),
               PercentText(c.good, c.requests), std::to_string(c.refused), std::to_string(c.retries)});
  }
  return table.Text();
}

std::string ChangesText(const scenario::Report& report) {
  Table table({{"AT", Align::kRight}, {"AGENT"}, {"WHO"}, {"FROM"}, {"TO"}, {"CAUSE"}});
  for (const simulate::Change& change : report.tally.changes()) {
    table.Add({Fixed(simulate::InSeconds(change.at - report.begin), 1) + "s", std::to_string(change.client),
               change.who, change.from, change.to, change.cause});
  }
  return table.empty() ? "no instance and no circuit changed its state\n" : table.Text();
}

double MillisAt(const stats::Histogram& times, double percent) { return times.Percentile(percent) / 1000.0; }

Json CountsJson(const simulate::Counts& c) {
  return {{"requests", c.requests}, {"good", c.good},         {"bad", c.bad},
          {"refused", c.refused},   {"attempts", c.attempts}, {"retries", c.retries}};
}

Json ReportJson(const scenario::Report& report) {
  Json json = CountsJson(report.tally.counts());
  for (const double percent : {50.0, 90.0, 99.0})
    json["p" + Fixed(percent, 0) + "Ms"] = MillisAt(report.tally.times(), percent);
  for (const auto& [reason, count] : report.tally.reasons())
    json["reasons"][std::string(ToString(reason))] = count;
  for (const auto& [instance, attempts] : report.attempts) json["attemptsByInstance"][instance] = attempts;
  json["changes"] = Json::array();
  for (const simulate::Change& c : report.tally.changes()) {
    json["changes"].push_back({{"atMs", (c.at - report.begin) / std::chrono::milliseconds(1)},
                               {"agent", c.client},
                               {"who", c.who},
                               {"from", c.from},
                               {"to", c.to},
                               {"cause", c.cause}});
  }
  return json;
}

void PrintReport(std::ostream& out, const scenario::Scenario& scenario, const scenario::Report& report) {
  const simulate::Counts& c = report.tally.counts();
  out << c.requests << " requests, " << PercentText(c.good, c.requests) << " good, " << c.refused
      << " refused, " << c.retries << " retries; p50 " << Fixed(MillisAt(report.tally.times(), 50), 1)
      << "ms, p99 " << Fixed(MillisAt(report.tally.times(), 99), 1) << "ms\n\n";
  out << TimelineText(scenario, report) << "\n" << ChangesText(report) << "\n";
  Table attempts({{"INSTANCE"}, {"ATTEMPTS", Align::kRight}, {"SHARE", Align::kRight}});
  for (const auto& [instance, count] : report.attempts)
    attempts.Add({instance, std::to_string(count), PercentText(count, c.attempts)});
  out << attempts.Text();
}

Status PlayScenario(Context& context, const SimulateArgs& args) {
  if (args.resources.empty())
    return Invalid("a scenario needs the mesh it is played in: give its resources", "-f");
  const auto scenario = ReadScenario(context, args.scenario);
  if (!scenario) return scenario.error();
  const auto resources = Compiled(context, args.resources);
  if (!resources) return resources.error();
  const auto report = scenario::Play(*scenario, *resources);
  if (!report) {
    Error error = report.error();
    error.where = args.scenario;
    return error;
  }
  if (context.structured()) {
    PrintDocument(context, ReportJson(*report));
  } else {
    PrintReport(context.out, *scenario, *report);
  }
  return {};
}

// The policies by the service that they are for. Other kinds say nothing about a recording's policies.
Result<std::map<ServiceKey, policy::PolicySpec>> Policies(Context& context,
                                                          const std::vector<std::string>& paths) {
  const auto documents = CheckedDocuments(context, paths);
  if (!documents) return documents.error();
  std::map<ServiceKey, policy::PolicySpec> policies;
  for (const resource::DocumentPtr& document : *documents) {
    if (document->kind != resource::Kind::kServicePolicy)
      return Invalid(document->Name() + ": a recording can be tried with ServicePolicy documents only",
                     "--with", document->file);
    for (const std::string& target : document->service_policy().targets)
      policies[{"local", document->metadata.ns, target}] = document->service_policy().policy;
  }
  return policies;
}

Status RunWhatIf(Context& context, const SimulateArgs& args) {
  if (args.with.empty()) return Invalid("a recording needs the policy that it is tried with", "--with");
  const auto policies = Policies(context, args.with);
  if (!policies) return policies.error();
  const auto recording = whatif::ReadRecording(RecordingPath(args.log));
  if (!recording) return recording.error();
  std::size_t met = 0;
  const whatif::Side before = whatif::Run(*recording, nullptr);
  const whatif::Side after = whatif::Run(*recording, [&](policy::ServiceBundle& bundle) {
    const auto found = policies->find({"local", bundle.key.ns, bundle.key.name});
    if (found == policies->end()) return;
    ++met;
    whatif::Overlay(found->second, bundle);
  });
  if (met == 0)
    return Invalid("the recording has none of the services that the policies are for", "--with", args.log);
  PrintWhatIf(context, before, after);
  return {};
}

Status RunSimulate(Context& context, const SimulateArgs& args) {
  if (args.log.empty() == args.scenario.empty())
    return Invalid("give either a scenario with -f RESOURCES, or --log RECORDING with --with POLICY");
  return args.log.empty() ? PlayScenario(context, args) : RunWhatIf(context, args);
}

}  // namespace

void AddSimulate(CLI::App& app, Action& action) {
  auto args = std::make_shared<SimulateArgs>();
  CLI::App* verb = app.add_subcommand(
      "simulate", "Play a scenario, or recorded traffic under another policy, in virtual time");
  verb->add_option("scenario", args->scenario,
                   "Scenario file: traffic, and what goes wrong when; - reads standard input");
  verb->add_option("-f,--filename", args->resources, "Resources of the scenario's mesh: files or folders");
  verb->add_option("--log", args->log, "Recording of an agent (its record.path)");
  verb->add_option("--with", args->with,
                   "ServicePolicy documents to lay over the recorded policies: files or folders");
  verb->callback(
      [args, &action] { action = [args](Context& context) { return RunSimulate(context, *args); }; });
}

}  // namespace weft::ctl
