#include "agent/breaker/circuit.h"

#include <algorithm>
#include <array>

#include "common/random/random.h"

namespace weft::breaker {
namespace {

constexpr std::uint32_t kGenerationMask = (1U << 17) - 1;
constexpr std::uint64_t kMillisMask = (std::uint64_t{1} << 40) - 1;
constexpr std::uint32_t kMostOpenings = 8;
constexpr std::uint32_t kMostTrials = (1U << 11) - 1;
constexpr std::uint64_t kMostPoints = (1U << 25) - 1;
constexpr Permit kGiven = Permit{1} << 62;  // set in every permit, so that none is zero
constexpr Permit kIsTrial = Permit{1} << 63;
constexpr Permit kIsScout = Permit{1} << 61;
constexpr Duration kScoutEvery = std::chrono::seconds(1), kSecondOpinion = std::chrono::milliseconds(250);
constexpr std::uint64_t kScoutWasGood = std::uint64_t{1} << 46;
constexpr double kTolerance = 0.30;  // of half-open points per permit
constexpr Duration kFirstOpen = std::chrono::seconds(5);
constexpr Duration kForget = std::chrono::seconds(60);
constexpr Duration kStep = std::chrono::seconds(1);
constexpr std::array<std::uint64_t, 3> kRamp = {10, 25, 50};  // percent
constexpr std::uint64_t kFew = 3;                             // of each step, whatever the percent
constexpr std::uint64_t kAskedMask = (std::uint64_t{1} << 45) - 1;

std::uint64_t Millis(TimePoint t) { return static_cast<std::uint64_t>(Nanos(t) / 1'000'000) & kMillisMask; }
TimePoint FromMillis(std::uint64_t millis) {
  return FromNanos(static_cast<std::int64_t>(millis) * 1'000'000);
}

struct Word {
  State state;
  std::uint32_t openings, generation;
  std::uint64_t millis;
};
constexpr std::uint64_t Pack(Word w) {
  return static_cast<std::uint64_t>(w.state) << 61 | static_cast<std::uint64_t>(w.openings) << 57 |
         static_cast<std::uint64_t>(w.generation) << 40 | w.millis;
}
Word Unpack(std::uint64_t word) {
  return {static_cast<State>(word >> 61), static_cast<std::uint32_t>(word >> 57 & 0xF),
          static_cast<std::uint32_t>(word >> 40) & kGenerationMask, word & kMillisMask};
}

struct Trial {
  std::uint32_t generation, given, done;
  std::uint64_t points;  // * 64
};
std::uint64_t Pack(Trial t) {
  return static_cast<std::uint64_t>(t.generation) << 47 | static_cast<std::uint64_t>(t.given) << 36 |
         static_cast<std::uint64_t>(t.done) << 25 | t.points;
}
Trial UnpackTrial(std::uint64_t trial) {
  return {static_cast<std::uint32_t>(trial >> 47) & kGenerationMask,
          static_cast<std::uint32_t>(trial >> 36) & kMostTrials,
          static_cast<std::uint32_t>(trial >> 25) & kMostTrials, trial & kMostPoints};
}

// Whether generation a came before b, in a circle of 2^17.
bool Before(std::uint32_t a, std::uint32_t b) {
  return a != b && ((b - a) & kGenerationMask) < (kGenerationMask >> 1);
}

std::uint32_t TrialsOf(const policy::CircuitBreaker& policy) {
  return std::clamp<std::uint32_t>(policy.half_open_max_calls, 1, kMostTrials);
}

}  // namespace

const char* ToString(State state) {
  switch (state) {
    case State::kClosed: return "closed";
    case State::kOpen: return "open";
    case State::kHalfOpen: return "half_open";
    case State::kRecovering: return "recovering";
  }
  return "closed";
}

View Circuit::Look() const {
  const Word w = Unpack(word_.load(std::memory_order_acquire));
  return {w.state, w.generation, w.openings, FromMillis(w.millis)};
}

Counts Circuit::counts() const {
  const auto of = [this](State state) {
    return moved_[static_cast<std::size_t>(state)].load(std::memory_order_relaxed);
  };
  return {of(State::kClosed), of(State::kOpen), of(State::kHalfOpen), of(State::kRecovering)};
}

std::uint32_t Circuit::generation() const { return Unpack(word_.load(std::memory_order_acquire)).generation; }
std::uint32_t Circuit::GenerationOf(Permit permit) {
  return static_cast<std::uint32_t>(permit) & kGenerationMask;
}

Admission Circuit::Admit(const policy::CircuitBreaker& policy, Duration attempt_timeout, TimePoint now) {
  while (true) {
    const std::uint64_t packed = word_.load(std::memory_order_acquire);
    const Word w = Unpack(packed);
    if (w.state == State::kClosed) return {kGiven | w.generation, w.state, {}};
    const TimePoint deadline = FromMillis(w.millis);
    if (w.state == State::kRecovering) {
      const auto step = static_cast<std::uint64_t>(std::max<Duration>(now - deadline, {}) / kStep);
      if (step >= kRamp.size()) {
        Move(packed, State::kClosed, w.openings, now);
        continue;
      }
      if (OnRamp(w.generation, static_cast<std::uint32_t>(step))) return {kGiven | w.generation, w.state, {}};
      return {0, w.state, deadline + static_cast<std::int64_t>(step + 1) * kStep - now};
    }
    if (w.state == State::kOpen) {
      if (now < deadline && !policy.fixed_open && TryScout(w.generation, now))
        return {kGiven | kIsScout | w.generation, w.state, {}};
      if (now < deadline) return {0, w.state, deadline - now};
      const Duration patience = std::max<Duration>(2 * attempt_timeout, kFirstOpen);
      Move(packed, State::kHalfOpen, w.openings, now + patience);
      continue;  // Whoever won, the word is a different one now.
    }
    if (now >= deadline) {
      Reopen(packed, policy, now);
      continue;
    }
    const Permit permit = TryTrial(w.generation, TrialsOf(policy));
    if (permit == 0 && generation() != w.generation) continue;
    return {permit, w.state, permit == 0 ? deadline - now : Duration::zero()};
  }
}

std::uint32_t Circuit::RampPercent(TimePoint now) const {
  const Word w = Unpack(word_.load(std::memory_order_acquire));
  if (w.state != State::kRecovering) return 0;
  const auto step = static_cast<std::size_t>(std::max<Duration>(now - FromMillis(w.millis), {}) / kStep);
  return static_cast<std::uint32_t>(kRamp[std::min(step, kRamp.size() - 1)]);
}

// Evenly spaced: the n-th request of a step flows when the percentage of n reaches the next whole number.
bool Circuit::OnRamp(std::uint32_t generation, std::uint32_t step) {
  const std::uint64_t mine = static_cast<std::uint64_t>(generation) << 47 | static_cast<std::uint64_t>(step)
                                                                                << 45;
  std::uint64_t packed = ramp_.load(std::memory_order_acquire);
  while (true) {
    const std::uint64_t asked = (packed & ~kAskedMask) == mine ? packed & kAskedMask : 0;
    const bool flows = asked < kFew || (asked + 1) * kRamp[step] / 100 > asked * kRamp[step] / 100;
    if (ramp_.compare_exchange_weak(packed, mine | (asked + 1), std::memory_order_acq_rel)) return flows;
  }
}

// The first who asks an open circuit only says when the first scout may go.
bool Circuit::TryScout(std::uint32_t generation, TimePoint now) {
  const std::uint64_t mine = static_cast<std::uint64_t>(generation) << 47;
  std::uint64_t packed = ramp_.load(std::memory_order_acquire);
  const bool begun = packed >> 47 == generation;
  if (begun && (packed & kMillisMask) > Millis(now)) return false;
  const std::uint64_t next = mine | (begun ? packed & kScoutWasGood : 0) | Millis(now + kScoutEvery);
  return ramp_.compare_exchange_strong(packed, next, std::memory_order_acq_rel) && begun;
}

// After a good one the next may go sooner.
bool Circuit::ScoutsAgree(std::uint32_t generation, bool good, TimePoint now) {
  std::uint64_t packed = ramp_.load(std::memory_order_acquire);
  while (packed >> 47 == generation) {
    if (good && (packed & kScoutWasGood) != 0) return true;
    const std::uint64_t mine = static_cast<std::uint64_t>(generation) << 47;
    const std::uint64_t noted =
        good ? mine | kScoutWasGood | Millis(now + kSecondOpinion) : packed & ~kScoutWasGood;
    if (ramp_.compare_exchange_weak(packed, noted, std::memory_order_acq_rel)) break;
  }
  return false;
}

Permit Circuit::TryTrial(std::uint32_t generation, std::uint32_t most) {
  std::uint64_t packed = trial_.load(std::memory_order_acquire);
  while (true) {
    Trial t = UnpackTrial(packed);
    if (Before(t.generation, generation)) t = {generation, 0, 0, 0};
    if (t.generation != generation || t.given >= most) return 0;
    ++t.given;
    if (trial_.compare_exchange_weak(packed, Pack(t), std::memory_order_acq_rel)) {
      return kGiven | kIsTrial | generation;
    }
  }
}

Change Circuit::Record(Permit permit, double points, const policy::CircuitBreaker& policy, TimePoint now) {
  if ((permit & (kIsTrial | kIsScout)) == 0) return Change::kNone;
  const std::uint32_t generation = GenerationOf(permit);
  if ((permit & kIsScout) != 0) {
    const std::uint64_t seen = word_.load(std::memory_order_acquire);
    const Word w = Unpack(seen);
    if (w.state != State::kOpen || w.generation != generation) return Change::kNone;
    if (!ScoutsAgree(generation, points <= kTolerance, now)) return Change::kNone;
    return Move(seen, State::kHalfOpen, w.openings, now + kFirstOpen);
  }
  std::uint64_t packed = trial_.load(std::memory_order_acquire);
  Trial t{};
  do {
    t = UnpackTrial(packed);
    if (t.generation != generation) return Change::kNone;
    t.done = std::min(t.done + 1, kMostTrials);
    t.points = std::min(t.points + static_cast<std::uint64_t>(points * 64), kMostPoints);
  } while (!trial_.compare_exchange_weak(packed, Pack(t), std::memory_order_acq_rel));

  const std::uint64_t word = word_.load(std::memory_order_acquire);
  const Word w = Unpack(word);
  if (w.state != State::kHalfOpen || w.generation != generation) return Change::kNone;
  const std::uint32_t trials = TrialsOf(policy);
  if (static_cast<double>(t.points) > kTolerance * 64 * trials) return Reopen(word, policy, now);
  if (t.done >= trials) return Move(word, State::kRecovering, w.openings, now);
  return Change::kNone;
}

void Circuit::Return(Permit permit) {
  if ((permit & kIsTrial) == 0) return;
  std::uint64_t packed = trial_.load(std::memory_order_acquire);
  Trial t{};
  do {
    t = UnpackTrial(packed);
    if (t.generation != GenerationOf(permit) || t.given <= t.done) return;
    --t.given;
  } while (!trial_.compare_exchange_weak(packed, Pack(t), std::memory_order_acq_rel));
}

bool Circuit::Trip(std::uint32_t generation, const policy::CircuitBreaker& policy, TimePoint now) {
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  const Word w = Unpack(word);
  const bool flows = w.state == State::kClosed || w.state == State::kRecovering;
  if (!flows || w.generation != generation) return false;
  return Reopen(word, policy, now) == Change::kOpened;
}

Change Circuit::Reopen(std::uint64_t from, const policy::CircuitBreaker& policy, TimePoint now) {
  const Word w = Unpack(from);
  std::uint32_t openings = w.openings;
  if (w.state == State::kClosed) {
    const Duration closed = std::max<Duration>(now - FromMillis(w.millis), Duration::zero());
    openings -= static_cast<std::uint32_t>(std::min<std::int64_t>(closed / kForget, openings));
  }
  openings = std::min(openings + 1, kMostOpenings);
  return Move(from, State::kOpen, openings, now + OpenFor(openings, w.generation + 1, policy));
}

Duration Circuit::OpenFor(std::uint32_t openings, std::uint32_t generation,
                          const policy::CircuitBreaker& policy) const {
  if (policy.fixed_open) return policy.open_duration;
  const Duration whole = std::min<Duration>(policy.open_duration, kFirstOpen * (1 << (openings - 1)));
  const auto unit =
      static_cast<double>(Mix(seed_, stream_, Purpose::kOpenDuration, generation) >> 11) * 0x1.0p-53;
  return whole / 2 + Duration(static_cast<std::int64_t>(unit * static_cast<double>((whole / 2).count())));
}

Change Circuit::Move(std::uint64_t from, State to, std::uint32_t openings, TimePoint deadline) {
  const Word w = Unpack(from);
  // Deadlines are rounded up to a millisecond, so an open circuit never admits early.
  const std::uint64_t millis = Millis(deadline + std::chrono::microseconds(999));
  const std::uint64_t next = Pack(Word{to, openings, (w.generation + 1) & kGenerationMask, millis});
  if (!word_.compare_exchange_strong(from, next, std::memory_order_acq_rel)) return Change::kNone;
  moved_[static_cast<std::size_t>(to)].fetch_add(1, std::memory_order_relaxed);
  switch (to) {
    case State::kClosed: return Change::kClosed;
    case State::kOpen: return Change::kOpened;
    case State::kHalfOpen: return Change::kHalfOpened;
    case State::kRecovering: return Change::kRecovering;
  }
  return Change::kNone;
}

}  // namespace weft::breaker
