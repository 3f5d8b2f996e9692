#pragma once
// What a scenario is: worlds that are run with several policies over the same seeds, figures taken from them,
// and criteria that a figure must meet. Criteria come from the specification and are never adapted to what
// came out. A scenario whose algorithm does not exist names what is missing and is reported as not built.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft::sim {

// The variant that runs the decision core as it is.
inline constexpr const char* kWeft = "weft";

struct Setup {
  std::uint64_t seed = 1;
  std::string variant;
  bool quick = false;  // shorter; its figures say less
};

struct Result {
  std::map<std::string, double> figures;
  std::map<std::string, std::vector<double>> series;  // per second or per step, for charts; of the first seed
  std::uint64_t events = 0;
};

// The results of one seed, by variant.
class Sample {
 public:
  explicit Sample(const std::map<std::string, Result>& results) : results_(results) {}
  double operator()(const std::string& variant, const std::string& figure) const;

 private:
  const std::map<std::string, Result>& results_;
};

enum class Bound : std::uint8_t { kAtLeast, kAtMost };
enum class Over : std::uint8_t {
  kMean,   // of the seeds; judged at the unfavourable end of its interval
  kWorst,  // every seed must meet it
  kSum,    // over all seeds together
};

// What a criterion judges: a figure of Weft's, which the others' are shown beside, or something made of
// several.
struct Measured {
  Measured() = default;  // nothing: not built
  Measured(std::string figure);
  Measured(const char* figure) : Measured(std::string(figure)) {}
  template <class F>
  requires std::is_invocable_r_v<double, F, const Sample&> Measured(F f) : of(std::move(f)) {}

  std::function<double(const Sample&)> of;
  std::string name;
};

struct Criterion {
  std::string text;  // "ejected within 10 s"
  std::string unit;
  Bound bound = Bound::kAtMost;
  double limit = 0;
  Measured figure;
  Over over = Over::kMean;
  std::string missing = {};  // what is not built
  std::string note = {};     // what a reader should know; a reason why it is missed
};

// The same, with the reason why it is missed, should it be.
inline Criterion Because(Criterion criterion, std::string note) {
  criterion.note = std::move(note);
  return criterion;
}

// A figure that is shown for every variant.
struct Shown {
  std::string figure, unit;
};

struct Chart {
  std::string series;  // of Result::series
  std::string title, x, y;
  std::vector<double> at = {};  // x of each value; empty: 0, 1, 2, …
  bool logarithmic = false;
};

struct Scenario {
  std::string id, title;
  std::string text;  // what happens and why it is looked at; Markdown
  std::vector<std::string> variants;
  std::function<Result(const Setup&)> run;
  std::vector<Shown> shown;
  std::vector<Criterion> criteria;
  std::vector<Chart> charts;
};

// In the order of the specification.
std::vector<Scenario> AllScenarios();

Scenario Ramp();             // S1
Scenario RuleTable();        // S2
Scenario OneSlowServer();    // S5
Scenario Crash();            // S6
Scenario PartialFailure();   // S7
Scenario Masking();          // S8
Scenario FalseTrips();       // S9
Scenario Recovery();         // S10
Scenario RetryStorm();       // S11
Scenario TransientFaults();  // S12
Scenario Prediction();       // S13
Scenario Storms();           // S14
Scenario Flapping();         // S15
Scenario AdaptiveTimeout();  // S16
Scenario Overload();         // S17
Scenario Quota();            // S18
Scenario Subsets();          // S20
Scenario Stragglers();       // S21
Scenario HashedKeys();       // S22
std::vector<Scenario> NotBuilt();

}  // namespace weft::sim
