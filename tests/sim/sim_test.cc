#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "tests/sim/table.h"
#include "tests/support/effort.h"

namespace weft::sim {
namespace {

TEST(StatisticsTest, TheIntervalHoldsTheMeanAndShrinksWithItsSpread) {
  std::vector<double> narrow(20, 5.0), wide;
  for (int i = 0; i < 20; ++i) wide.push_back(i);
  EXPECT_EQ(BootstrapMean(narrow).low, 5);
  EXPECT_EQ(BootstrapMean(narrow).high, 5);
  const Interval i = BootstrapMean(wide);
  EXPECT_EQ(i.mean, 9.5);
  EXPECT_NEAR(i.low, 9.5 - 1.96 * 5.77 / 4.47, 0.5);  // deviation over the root of n
  EXPECT_NEAR(i.high, 9.5 + 1.96 * 5.77 / 4.47, 0.5);
}

TEST(ScenariosTest, AllTwentyTwoOfTheSpecificationAreListedAndEachHasCriteria) {
  std::vector<std::string> ids;
  for (const Scenario& s : AllScenarios()) {
    ids.push_back(s.id);
    EXPECT_FALSE(s.criteria.empty()) << s.id;
    for (const Criterion& c : s.criteria)
      EXPECT_EQ(c.figure.of == nullptr, !c.missing.empty()) << s.id << ": " << c.text;
  }
  std::vector<std::string> expected;
  for (int i = 1; i <= 22; ++i) expected.push_back("S" + std::to_string(i));
  EXPECT_EQ(ids, expected);
}

// What a criterion asks for must be a variant of its scenario: else the whole table is lost at its end.
TEST(ScenariosTest, CriteriaNameVariantsThatAreRun) {
  for (const Scenario& s : AllScenarios()) {
    std::map<std::string, Result> results;
    for (const std::string& variant : s.variants) results[variant];
    for (const Criterion& c : s.criteria) {
      if (!c.figure.of) continue;
      try {
        c.figure.of(Sample(results));
      } catch (const std::logic_error& error) {
        EXPECT_EQ(std::string(error.what()).find("no variant"), std::string::npos)
            << s.id << ": " << error.what();
      }
    }
  }
}

Scenario Made(double figure, double limit, Bound bound) {
  Scenario s;
  s.id = "S0";
  s.variants = {kWeft, "other"};
  s.run = [figure](const Setup& setup) {
    Result result;
    result.figures["x"] = figure + static_cast<double>(setup.seed % 2);
    return result;
  };
  s.criteria = {{"x", "", bound, limit, "x"}};
  return s;
}

Verdict VerdictOf(const Scenario& scenario) {
  const std::vector<Scenario> all = {scenario};
  return RunAll(all, {.seeds = 20, .threads = 2}, [](const Scenario&, double) {})
      .front()
      .judged.front()
      .verdict;
}

TEST(RunnerTest, JudgesAtTheUnfavourableEndOfTheInterval) {
  EXPECT_EQ(VerdictOf(Made(1, 2, Bound::kAtMost)), Verdict::kPass);  // 1.5 +- 0.2
  EXPECT_EQ(VerdictOf(Made(1, 1.55, Bound::kAtMost)), Verdict::kUndecided);
  EXPECT_EQ(VerdictOf(Made(1, 1.4, Bound::kAtMost)), Verdict::kMissed);
  EXPECT_EQ(VerdictOf(Made(1, 1, Bound::kAtLeast)), Verdict::kPass);
  EXPECT_EQ(VerdictOf(Made(1, 1.6, Bound::kAtLeast)), Verdict::kMissed);
}

// The whole of it, twice, on one thread and on two: the same bytes.
TEST(RunnerTest, RunsAreTheSameByteForByte) {
  std::vector<Scenario> scenarios;
  for (const Scenario& s : AllScenarios()) {
    if (s.id == "S8" || (s.id == "S14" && support::kShare == 1)) scenarios.push_back(s);
  }
  const auto run = [&](std::uint32_t threads) {
    const Options options{.seeds = 2, .threads = threads, .quick = true};
    return Json(RunAll(scenarios, options, [](const Scenario&, double) {}), {.seeds = 2, .quick = true});
  };
  const std::string first = run(1);
  EXPECT_EQ(first, run(2));
  EXPECT_GT(first.size(), 1000u);
}

}  // namespace
}  // namespace weft::sim
