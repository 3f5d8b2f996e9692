#include "tests/sim/runner.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

namespace weft::sim {
namespace {

struct Job {
  std::size_t scenario;
  std::string variant;
  std::uint32_t seed;  // from 0
};

double CpuSeconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

bool Meets(const Criterion& c, double value) {
  return c.bound == Bound::kAtLeast ? value >= c.limit : value <= c.limit;
}

Judged Judge(const Criterion& criterion, const Report& report, std::uint32_t seeds) {
  Judged judged{&criterion, {}, Verdict::kNotBuilt};
  if (!criterion.figure.of) return judged;
  std::vector<double> values;
  for (std::uint32_t seed = 0; seed < seeds; ++seed) {
    std::map<std::string, Result> results;
    for (const auto& [variant, of_seeds] : report.results) results.emplace(variant, of_seeds[seed]);
    values.push_back(criterion.figure.of(Sample(results)));
  }
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  double judge = 0;
  switch (criterion.over) {
    case Over::kSum:
      for (const double value : values) judge += value;
      judged.interval = {judge, judge, judge};
      break;
    case Over::kWorst:
      judge = criterion.bound == Bound::kAtLeast ? *least : *most;
      judged.interval = {judge, *least, *most};
      break;
    case Over::kMean:
      judged.interval = BootstrapMean(values);
      judge = criterion.bound == Bound::kAtLeast ? judged.interval.low : judged.interval.high;
      break;
  }
  judged.verdict = Meets(criterion, judge)                  ? Verdict::kPass
                   : Meets(criterion, judged.interval.mean) ? Verdict::kUndecided
                                                            : Verdict::kMissed;
  return judged;
}

}  // namespace

const char* ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "pass";
    case Verdict::kMissed: return "MISSED";
    case Verdict::kUndecided: return "undecided";
    case Verdict::kNotBuilt: return "not built";
  }
  return "not built";
}

std::vector<Report> RunAll(const std::vector<Scenario>& scenarios, const Options& options,
                           const std::function<void(const Scenario&, double)>& done) {
  std::vector<Report> reports(scenarios.size());
  std::vector<Job> jobs;
  std::vector<std::size_t> left(scenarios.size());
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    reports[i].scenario = &scenarios[i];
    for (const std::string& variant : scenarios[i].variants) {
      reports[i].results[variant].resize(options.seeds);
      for (std::uint32_t seed = 0; seed < options.seeds; ++seed) jobs.push_back({i, variant, seed});
    }
    left[i] = scenarios[i].variants.size() * options.seeds;
  }
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  const auto work = [&] {
    for (std::size_t at = next++; at < jobs.size(); at = next++) {
      const Job& job = jobs[at];
      const double began = CpuSeconds();
      Result result =
          scenarios[job.scenario].run({options.first_seed + job.seed, job.variant, options.quick});
      const double took = CpuSeconds() - began;
      const std::lock_guard lock(mutex);
      Report& report = reports[job.scenario];
      report.events += result.events;
      report.cpu_seconds += took;
      if (job.seed > 0) result.series.clear();
      report.results[job.variant][job.seed] = std::move(result);
      if (--left[job.scenario] == 0) done(scenarios[job.scenario], report.cpu_seconds);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < std::max(1U, options.threads); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  for (Report& report : reports) {
    for (const Criterion& criterion : report.scenario->criteria)
      report.judged.push_back(Judge(criterion, report, options.seeds));
  }
  return reports;
}

Interval FigureOf(const Report& report, const std::string& variant, const std::string& figure) {
  std::vector<double> values;
  for (const Result& result : report.results.at(variant)) values.push_back(result.figures.at(figure));
  return BootstrapMean(values);
}

}  // namespace weft::sim
