// weft-sim: runs the scenarios and prints one table. scripts/sim calls it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>

#include "tests/sim/table.h"

namespace {

using weft::sim::Report;
using weft::sim::Scenario;

struct Arguments {
  weft::sim::Options options;
  std::vector<std::string> only;
  std::string json;
  bool list = false;
};

std::vector<Scenario> Chosen(const Arguments& arguments) {
  std::vector<Scenario> all = weft::sim::AllScenarios();
  if (arguments.only.empty()) return all;
  std::erase_if(all, [&](const Scenario& s) {
    return std::find(arguments.only.begin(), arguments.only.end(), s.id) == arguments.only.end();
  });
  return all;
}

void PrintCost(const std::vector<Report>& reports, double seconds) {
  std::uint64_t events = 0;
  double cpu = 0;
  for (const Report& report : reports) events += report.events, cpu += report.cpu_seconds;
  std::fprintf(stderr, "%.0f million events in %.0f s of processor time, %.2f million/s; %.0f s in all\n",
               static_cast<double>(events) / 1e6, cpu, cpu > 0 ? static_cast<double>(events) / 1e6 / cpu : 0,
               seconds);
}

// Criteria that are missed without a reason beside them.
int Unexplained(const std::vector<Report>& reports) {
  int count = 0;
  for (const Report& report : reports) {
    for (const weft::sim::Judged& judged : report.judged) {
      if (judged.verdict != weft::sim::Verdict::kMissed || !judged.criterion->note.empty()) continue;
      ++count;
      std::cerr << "weft-sim: " << report.scenario->id
                << ": missed, and the scenario gives no reason: " << judged.criterion->text << "\n";
    }
  }
  return count;
}

int Main(const Arguments& arguments) {
  const std::vector<Scenario> scenarios = Chosen(arguments);
  if (arguments.list) {
    for (const Scenario& s : scenarios) std::cout << s.id << "  " << s.title << "\n";
    return 0;
  }
  if (scenarios.empty()) {
    std::cerr << "weft-sim: no scenario has that id; --list shows them\n";
    return 2;
  }
  const auto began = std::chrono::steady_clock::now();
  const std::vector<Report> reports =
      weft::sim::RunAll(scenarios, arguments.options, [](const Scenario& s, double cpu) {
        if (!s.variants.empty()) std::fprintf(stderr, "%s: %.1f s\n", s.id.c_str(), cpu);
      });
  std::cout << weft::sim::Table(reports);
  PrintCost(reports, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  if (!arguments.json.empty()) {
    std::ofstream file(arguments.json);
    file << weft::sim::Json(reports, arguments.options);
    if (!file.flush()) {
      std::cerr << "weft-sim: cannot write " << arguments.json << "\n";
      return 2;
    }
  }
  return Unexplained(reports) == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Runs the scenarios of the resilience core in virtual time and judges them by their criteria",
               "weft-sim");
  app.add_option("--seeds", arguments.options.seeds, "How many seeds")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--first-seed", arguments.options.first_seed, "The first of them")->capture_default_str();
  app.add_option("--threads", arguments.options.threads, "Worlds at a time")->capture_default_str();
  app.add_option("--json", arguments.json, "Also write everything to this file");
  app.add_flag("--quick", arguments.options.quick, "Shorter soaks");
  app.add_flag("--list", arguments.list, "Only list the scenarios");
  app.add_option("scenarios", arguments.only, "Ids, as S5 S6; all when none is given");
  CLI11_PARSE(app, argc, argv);
  return Main(arguments);
}
