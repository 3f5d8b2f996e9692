#include "tests/sim/baseline/breaker.h"

#include "common/stats/ring.h"

namespace weft::sim {
namespace {

struct Rate {
  std::uint32_t requests = 0, bad = 0;
  Rate& operator+=(const Rate& o) { return requests += o.requests, bad += o.bad, *this; }
  Rate& operator-=(const Rate& o) { return requests -= o.requests, bad -= o.bad, *this; }
};

class ByRate final : public ServiceBreaker {
 public:
  explicit ByRate(const RateBreaker& settings) : s_(settings) {}

  bool Admit(TimePoint now) override {
    if (state_ == State::kClosed) return true;
    if (state_ == State::kOpen) {
      if (now < until_) return false;
      state_ = State::kHalfOpen;
      given_ = done_ = bad_ = 0;
    }
    return given_ < s_.probes && ++given_ > 0;
  }

  void Ended(bool good, TimePoint now) override {
    if (state_ == State::kOpen) return;
    if (state_ == State::kHalfOpen) return Probe(good, now);
    window_.Add(now, {1, good ? 0U : 1U});
    const Rate& recent = window_.Total(now);
    if (!good && recent.requests >= s_.fewest && recent.bad >= s_.rate * recent.requests) Open(now);
  }

 private:
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };

  void Probe(bool good, TimePoint now) {
    if (done_ >= given_) return;
    ++done_;
    bad_ += !good;
    const bool failed = s_.all_probes_good ? bad_ > 0 : done_ == s_.probes && bad_ >= s_.rate * done_;
    if (failed) return Open(now);
    if (done_ < s_.probes) return;
    state_ = State::kClosed;
    window_.Clear();
  }
  void Open(TimePoint now) {
    state_ = State::kOpen;
    until_ = now + s_.open;
    ++openings;
  }

  RateBreaker s_;
  State state_ = State::kClosed;
  TimePoint until_;
  std::uint32_t given_ = 0, done_ = 0, bad_ = 0;
  stats::Ring<Rate, 10> window_{std::chrono::seconds(1)};
};

}  // namespace

std::unique_ptr<ServiceBreaker> MakeBreaker(const RateBreaker& settings) {
  return std::make_unique<ByRate>(settings);
}

}  // namespace weft::sim
