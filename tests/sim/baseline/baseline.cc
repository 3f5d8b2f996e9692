#include "tests/sim/baseline/baseline.h"

#include <algorithm>
#include <numeric>

namespace weft::sim {
namespace {

using engine::Outcome;
using simulate::Flight;

bool IsGood(const engine::AttemptResult& result) {
  return result.outcome == Outcome::kResponse && result.status < 500;
}

}  // namespace

Baseline::Baseline(Parts parts, std::uint32_t servers, std::uint64_t seed, std::uint32_t client,
                   simulate::Tally* tally)
    : parts_(std::move(parts)),
      draws_(seed),
      client_(client),
      tally_(tally),
      all_(servers),
      told_out_(servers) {
  std::iota(all_.begin(), all_.end(), 0U);
}

Baseline::Tried& Baseline::TriedBy(const Flight& flight) {
  if (tried_.size() <= flight.index) tried_.resize(flight.index + 1), admitted_.resize(flight.index + 1);
  return tried_[flight.index];
}

simulate::Terms Baseline::Start(const Flight& flight, TimePoint now) {
  TriedBy(flight).clear();
  simulate::Terms terms;
  admitted_[flight.index] = !parts_.breaker || parts_.breaker->Admit(now);
  if (!admitted_[flight.index]) terms.refused = Reason::kBreakerOpen;
  terms.deadline = Deadline::After(now, parts_.request_timeout);
  terms.attempt_timeout = parts_.attempt_timeout;
  terms.connect_timeout = parts_.connect_timeout;
  tokens_ = std::min(tokens_ + parts_.budget, 100.0);
  return terms;
}

std::uint32_t Baseline::Pick(const Flight& flight, TimePoint now, Reason&) {
  Tried& tried = TriedBy(flight);
  usable_ = all_;
  if (parts_.ejector) {
    std::erase_if(usable_, [&](std::uint32_t s) { return parts_.ejector->IsOut(s, now); });
    if (static_cast<double>(usable_.size()) < parts_.panic * static_cast<double>(all_.size()) ||
        usable_.empty())
      usable_ = all_;
  }
  if (parts_.excludes && !tried.empty()) {
    std::vector<std::uint32_t> others = usable_;
    std::erase_if(others,
                  [&](std::uint32_t s) { return std::find(tried.begin(), tried.end(), s) != tried.end(); });
    if (!others.empty()) usable_ = others;
  }
  const std::uint32_t server = parts_.balancer->Pick(usable_, flight, now);
  tried.push_back(server);
  parts_.balancer->Sent(flight, server, now);
  return server;
}

simulate::Repeat Baseline::Ended(const Flight& flight, TimePoint now) {
  const engine::AttemptResult& result = flight.result;
  const bool good = IsGood(result);
  parts_.balancer->Ended(flight, good, now);
  if (parts_.ejector) parts_.ejector->Ended(flight.server, good, now);
  if (good || flight.attempts > parts_.retries || result.outcome == Outcome::kRequestTimeout) return {};
  if (result.outcome == Outcome::kResponse && result.status == 500 && !parts_.retries_500) return {};
  if (parts_.budget > 0) {
    if (tokens_ < 1) return {};
    tokens_ -= 1;
  }
  const double cap = static_cast<double>(1U << std::min(flight.attempts - 1, 3U));
  const double jitter = draws_.Unit(simulate::Stream::kPolicy, flight.number, 100 + flight.attempts);
  return {true, simulate::Seconds(jitter * cap * simulate::InSeconds(parts_.backoff))};
}

void Baseline::Finish(const Flight& flight, Reason reason, std::uint16_t status, TimePoint now) {
  if (parts_.breaker && admitted_[flight.index])
    parts_.breaker->Ended(reason == Reason::kOk && status < 500, now);
}

void Baseline::Tick(TimePoint now) {
  if (!parts_.ejector) return;
  parts_.ejector->Tick(now);
  if (tally_ != nullptr) Note(now);
}

void Baseline::Note(TimePoint now) {
  for (const std::uint32_t server : all_) {
    const bool out = parts_.ejector->IsOut(server, now);
    if (out == told_out_[server]) continue;
    told_out_[server] = out;
    tally_->Noted({now, client_, "cart-" + std::to_string(server), out ? "healthy" : "ejected",
                   out ? "ejected" : "healthy", "baseline"});
  }
}

}  // namespace weft::sim
