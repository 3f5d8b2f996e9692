#pragma once
// Runs scenarios over seeds on several threads and judges what came out. The order of threads changes
// nothing: every world is its own, and results are put together by place. Thread rule: called from one
// thread.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/sim.h"
#include "tests/sim/statistics.h"

namespace weft::sim {

struct Options {
  std::uint32_t seeds = 20, first_seed = 1, threads = 2;
  bool quick = false;
};

enum class Verdict : std::uint8_t {
  kPass,
  kMissed,
  kUndecided,
  kNotBuilt
};  // undecided: the mean meets it, the interval does not
const char* ToString(Verdict verdict);

struct Judged {
  const Criterion* criterion = nullptr;
  Interval interval;  // of kSum: the sum; of kWorst: the worst
  Verdict verdict = Verdict::kNotBuilt;
};

struct Report {
  const Scenario* scenario = nullptr;
  std::map<std::string, std::vector<Result>> results;  // by variant, then seed
  std::vector<Judged> judged;                          // as the criteria
  std::uint64_t events = 0;
  double cpu_seconds = 0;  // of all its runs
};

// `done`: after each finished scenario, from any thread, one at a time; for people who wait.
std::vector<Report> RunAll(const std::vector<Scenario>& scenarios, const Options& options,
                           const std::function<void(const Scenario&, double seconds)>& done);

// Of every seed of a variant.
Interval FigureOf(const Report& report, const std::string& variant, const std::string& figure);

}  // namespace weft::sim
