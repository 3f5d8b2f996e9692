#include "agent/breaker/learner.h"

#include <gtest/gtest.h>

#include <random>

namespace weft::breaker {
namespace {

using std::chrono::seconds;
const TimePoint kDayOne = FromNanos(1'000'000'000'000);

TEST(LearnerTest, WeightsGoWhereBreachesComeFrom) {
  Learner model;
  Learner::Bias bias;
  std::mt19937_64 random(3);
  for (int i = 0; i < 4000; ++i) {
    Features x{};
    for (double& each : x) each = std::normal_distribution(0.0, 1.0)(random);
    model.Learn(x, bias, x[4] > 1);
  }
  EXPECT_GT(model.weights()[4], 1);
  for (std::size_t i = 0; i < kFeatures; ++i) {
    if (i != 4) {
      EXPECT_LT(std::abs(model.weights()[i]), 0.5) << i;
    }
  }
  Features calm{}, alarming{};
  calm[4] = -1, alarming[4] = 3;
  EXPECT_LT(model.Probability(calm, bias.value), 0.1);
  EXPECT_GT(model.Probability(alarming, bias.value), 0.9);
}

TEST(LearnerTest, WeightsAreBounded) {
  Learner model;
  Learner::Bias bias;
  Features x;
  x.fill(5);
  for (int i = 0; i < 100'000; ++i) model.Learn(x, bias, true);
  for (const double weight : model.weights()) EXPECT_LE(std::abs(weight), 5);
}

// Every two minutes a feature climbs for 20 s, and then there is a breach of 20 s.
class Lesson {
 public:
  std::array<int, 5> Run(int rounds) {
    std::array<int, 5> told{};
    for (int second = 0; second < rounds * 120; ++second, now_ += seconds(1)) {
      const int at = second % 120;
      Features x{};
      for (double& each : x) each = std::normal_distribution(0.0, 0.3)(random_);
      if (at >= 60 && at < 80) x[0] += (at - 60) / 5.0;
      ++told[static_cast<std::size_t>(pupil.Look(model, x, true, at >= 80 && at < 100, now_))];
    }
    return told;
  }
  Learner model;
  Pupil pupil;

 private:
  std::mt19937_64 random_{5};
  TimePoint now_ = kDayOne;
};

TEST(PupilTest, AfterSomeBreachesItForeseesThem) {
  Lesson lesson;
  const auto at_first = lesson.Run(1);
  EXPECT_EQ(at_first[static_cast<std::size_t>(Foresight::kMissed)], 1) << "nobody is born knowing it";
  lesson.Run(40);
  const auto later = lesson.Run(20);
  const int hits = later[static_cast<std::size_t>(Foresight::kHit)];
  EXPECT_GE(hits, 17);
  EXPECT_LE(later[static_cast<std::size_t>(Foresight::kFalse)], 1);
  EXPECT_GE(lesson.pupil.lead(), seconds(3));
}

TEST(PupilTest, ASecondIsLearnedWhenItIsKnownWhatCameAfterIt) {
  Learner model;
  Pupil pupil;
  Features x{};
  x[2] = 3;
  for (int i = 0; i < 15; ++i) pupil.Look(model, x, true, false, kDayOne + seconds(i));
  EXPECT_EQ(model.weights()[2], 0) << "nothing is known yet";
  pupil.Look(model, x, true, true, kDayOne + seconds(15));
  EXPECT_GT(model.weights()[2], 0) << "the first second came before a breach";
}

}  // namespace
}  // namespace weft::breaker
