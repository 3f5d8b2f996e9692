#include "agent/replay/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "agent/engine/aggregator.h"
#include "agent/engine/engine.h"
#include "common/random/random.h"
#include "common/snapshot/alone.h"

namespace weft::replay {
namespace {

using decision::RecordedLine;
using std::chrono::milliseconds;

snapshot::SnapshotPtr Mesh(std::uint64_t revision, std::uint32_t instances) {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", "cart"};
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle->policy.connection_pool.max_connections = 3;
  bundle->policy.connection_pool.max_requests = 40;
  bundle->policy.circuit_breaker.open_duration = milliseconds(200);  // so that it often recovers
  bundle->policy.circuit_breaker.fixed_open = true;
  bundle->policy.retry.on |= policy::kOn500;
  policy::Route route;
  route.name = "default/cart-route";
  policy::RouteRule& rule = route.rules.emplace_back();
  rule.name = "default/cart-route/0";
  rule.matches.emplace_back().path = {policy::MatchType::kPrefix, "/"};
  rule.retry.on |= policy::kOn500;
  rule.backends.push_back({{bundle->key, 80}, 9, true, {}, {}});
  rule.backends.push_back({{bundle->key, 80}, 1, true, {}, {}});
  bundle->routes.push_back(route);
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  for (std::uint32_t i = 0; i < instances; ++i) {
    snapshot::Instance instance;
    instance.id = "cart " + std::to_string(i);  // a space, to be escaped
    instance.hash = HashBytes(instance.id);
    instance.address = {net::Ip::V4(127, 0, 0, 1), static_cast<std::uint16_t>(9000 + i)};
    instance.weight = 1 + i % 2;
    endpoints->instances.push_back(instance);
  }
  const auto made = snapshot::Alone(bundle, endpoints);
  made->version = {"store", 1, revision};
  return made;
}

// The service is away long enough to be forgotten; that, too, must replay.
void Vanish(engine::Engine& engine, TimePoint& now, const std::function<void(TimePoint)>& tick) {
  auto without = std::make_shared<snapshot::Snapshot>(*Mesh(3, 5));
  without->services.clear();
  without->by_name.clear();
  engine.Install(without, now);
  now += std::chrono::seconds(601);
  tick(now);
  EXPECT_EQ(engine.TakeForgotten().size(), 1U);
  engine.Install(Mesh(2, 5), now);
}

// One worker's load: `requests` calls, some of which fail, with a tick every 100 ms of its own time. The
// workers meet before their clocks leap.
void Load(engine::Engine& engine, std::uint32_t worker, int requests, std::barrier<>& meeting,
          const std::function<void(TimePoint)>& tick) {
  message::RequestHead head;
  head.authority = "cart";
  head.target = "/a b";
  head.fields.Add("X-Thing", "some=value 1+1", message::FieldId::kOther);
  Rng random(99, worker);
  TimePoint now = FromNanos(1'000'000'000'000);
  TimePoint next_tick = now;
  for (int i = 0; i < requests; ++i) {
    now += milliseconds(random.Below(Purpose::kTest, 10));
    if (now >= next_tick) {
      tick(now);
      next_tick = now + milliseconds(100);
    }
    if (i == requests / 2) engine.Install(Mesh(2, 5), now);
    if (i == requests * 3 / 4) {
      meeting.arrive_and_wait();
      Vanish(engine, now, tick);
    }
    head.method = random.Below(Purpose::kTest, 4) == 0 ? message::Method::kPost : message::Method::kGet;
    engine::Call call;
    call.request_id = "id";
    const engine::Verdict verdict = engine.Start(call, {}, head, now);
    Reason reason = verdict.reason;
    bool again = verdict.action == engine::Action::kForward;
    const bool outage = i % 1000 > 800;
    while (again) {
      engine::Target* target = engine.Pick(call, now, reason);
      if (target == nullptr) break;
      const bool connected = engine.TryConnect(*target);
      now += milliseconds(1 + random.Below(Purpose::kTest, 20));
      engine::AttemptResult result;
      const bool bad = outage || target->address.port == 9001;
      result.outcome = bad && i % 3 == 0 ? engine::Outcome::kReset : engine::Outcome::kResponse;
      result.status = bad ? 500 : 200;
      if (connected) engine.ReleaseConnection(*target);
      const engine::RetryVerdict retry = engine.Ended(call, result, now);
      again = retry.retry;
      now += retry.delay;
    }
    engine.Finish(call, reason, 200, now);
  }
}

// Two workers on two threads, recorded.
class ReplayTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* keep = std::getenv("WEFT_RECORDING");  // CI replays it with another compiler's weft-replay
    const auto temporary =
        std::filesystem::temp_directory_path() / ("weft-replay-test-" + std::to_string(getpid()));
    path_ = new std::string(keep != nullptr ? keep : temporary.string());
    auto recorder = decision::FileRecorder::Open(*path_, 1 << 28);
    ASSERT_TRUE(recorder) << recorder.error().Text();
    engine::Shared shared(17);
    engine::Aggregator aggregator(shared, recorder->get());
    aggregator.Install(Mesh(1, 4), FromNanos(1));
    std::mutex aggregating;
    std::barrier meeting(2);
    engine::ViewPtr published;
    const auto work = [&](std::uint32_t worker) {
      engine::Settings settings;
      settings.worker = worker;
      settings.workers = 2;
      settings.seed = 4;
      engine::Engine engine(settings, shared, recorder->get());
      engine.Install(Mesh(1, 4), FromNanos(1));
      Load(engine, worker, 4000, meeting, [&](TimePoint now) {
        const engine::WorkerDelta delta = engine.Tick(now);
        engine::ViewPtr view;
        {
          const std::lock_guard lock(aggregating);
          if (engine::ViewPtr fresh = aggregator.Absorb(delta, now)) published = fresh;
          view = published;
        }
        if (view) engine.Install(view, now);
      });
    };
    std::thread first(work, 0), second(work, 1);
    first.join();
    second.join();
    (*recorder)->Flush();
    EXPECT_FALSE((*recorder)->stopped());
  }
  static void TearDownTestSuite() {
    if (std::getenv("WEFT_RECORDING") != nullptr) return;
    for (const char* end : {".inputs", ".results", ".inputs.old", ".results.old"})
      std::filesystem::remove(*path_ + end);
    delete path_;
  }

  std::vector<RecordedLine> Inputs() {
    return *decision::ReadRecording(*path_ + ".inputs", decision::kInputsHeader);
  }
  std::vector<RecordedLine> Results() {
    return *decision::ReadRecording(*path_ + ".results", decision::kResultsHeader);
  }

  // Replays with every first occurrence of `from` in a line that holds `in` changed, at most `most` lines.
  Outcome WithChange(std::string_view in, std::string_view from, std::string_view to, int most) {
    std::vector<RecordedLine> inputs = Inputs();
    for (RecordedLine& line : inputs) {
      const std::size_t at = line.text.find(from);
      if (most == 0 || line.text.find(in) == std::string::npos || at == std::string::npos) continue;
      line.text.replace(at, from.size(), to);
      --most;
    }
    EXPECT_EQ(most, 0) << "there was nothing to change";
    return replay::Run(inputs, Results());
  }

  static std::string* path_;
};
std::string* ReplayTest::path_ = nullptr;

TEST_F(ReplayTest, ARecordingOfTwoWorkersReplaysToTheSameDecisions) {
  const auto outcome = RunFiles(*path_);
  ASSERT_TRUE(outcome) << outcome.error().Text();
  EXPECT_TRUE(outcome->same) << outcome->difference;
  EXPECT_GT(outcome->calls, 20000u);
}

TEST_F(ReplayTest, TheRecordingHoldsTransitionsRetriesAndEjections) {
  const std::vector<RecordedLine> results = Results();
  const auto has = [&](std::string_view text) {
    return std::any_of(results.begin(), results.end(), [text](const RecordedLine& line) {
      return line.text.find(text) != std::string::npos;
    });
  };
  for (const char* text : {"circuit=open", "circuit=half_open", "retry=1", "trial=0", "consecutive"}) {
    EXPECT_TRUE(has(text)) << text;
  }
}

TEST_F(ReplayTest, OneChangedOutcomeIsNoticed) {
  const Outcome outcome = WithChange("ended ", "outcome=response", "outcome=reset", 1);
  EXPECT_FALSE(outcome.same);
  EXPECT_NE(outcome.difference.find("recorded: ended"), std::string::npos) << outcome.difference;
}

TEST_F(ReplayTest, OneChangedSeedIsNoticed) {
  EXPECT_FALSE(WithChange("engine ", " seed=4", " seed=5", 1).same);
  EXPECT_FALSE(WithChange("shared_seed", "shared_seed=17", "shared_seed=18", 3).same);
}

// In every snapshot: one of the aggregator and three of each worker, two of which hold the rule.
TEST_F(ReplayTest, OneChangedLineOfPolicyIsNoticed) {
  EXPECT_FALSE(WithChange("half_open_max_calls", "value=3", "value=2", 7).same);
  EXPECT_FALSE(WithChange("retry.attempts", "value=2", "value=1", 14).same);
}

TEST_F(ReplayTest, ADamagedFileIsRefusedWithItsLineUntilItIsResealed) {
  const std::string copy = *path_ + ".copy";
  std::filesystem::copy_file(*path_ + ".inputs", copy + ".inputs");
  std::filesystem::copy_file(*path_ + ".results", copy + ".results");
  std::FILE* file = std::fopen((copy + ".inputs").c_str(), "r+");
  std::fseek(file, 400, SEEK_SET);
  std::fputc('~', file);
  std::fclose(file);
  const auto refused = RunFiles(copy);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().where.find(".inputs:"), std::string::npos);
  EXPECT_TRUE(decision::Reseal(copy + ".inputs"));
  EXPECT_TRUE(RunFiles(copy));
  std::filesystem::remove(copy + ".inputs");
  std::filesystem::remove(copy + ".results");
}

}  // namespace
}  // namespace weft::replay
