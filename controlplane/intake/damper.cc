#include "controlplane/intake/damper.h"

#include <algorithm>
#include <cmath>

namespace weft::intake {
namespace {

constexpr double kForgotten = 0.05;
constexpr std::size_t kMostGone = 10'000;  // places remembered that do not serve

std::string PlaceOf(const v1::Instance& instance) {
  return instance.address() + ":" + std::to_string(instance.port());
}

bool Serves(const v1::Instance& instance) {
  return instance.declared() != v1::DECLARED_UNHEALTHY && !instance.draining();
}

}  // namespace

double Damper::Place::Now(TimePoint now) const {
  return penalty * std::exp2(-std::chrono::duration<double>(now - at) / kPenaltyHalves);
}

void Damper::Count(const std::set<std::string>& serving, TimePoint now) {
  for (const std::string& place : serving) {
    const auto known = places_.find(place);
    if (known == places_.end()) {
      places_[place] = {0, now, true};
    } else if (!known->second.serving) {
      known->second = {std::min(known->second.Now(now) + 1, kMostPenalty), now, true};
    }
  }
  for (auto place = places_.begin(); place != places_.end();) {
    const bool left = place->second.serving && !serving.contains(place->first);
    if (left) place->second = {std::max(place->second.Now(now), 0.1), now, false};  // it may come back
    const bool crowded = places_.size() > serving.size() + kMostGone;
    const bool forget = !place->second.serving && (crowded || place->second.Now(now) < kForgotten);
    place = forget ? places_.erase(place) : std::next(place);
  }
}

void Damper::Choose(const std::set<std::string>& serving, TimePoint now) {
  std::vector<std::pair<double, std::string>> worst;
  for (const std::string& place : serving) {
    const double penalty = places_.at(place).Now(now);
    if (penalty >= (withheld_.contains(place) ? kReleaseBelow : kWithholdAt))
      worst.emplace_back(penalty, place);
  }
  std::sort(worst.rbegin(), worst.rend());
  withheld_.clear();
  for (const auto& [penalty, place] : worst) {
    if (withheld_.size() < serving.size() / 2) withheld_.insert(place);
  }
}

std::vector<v1::Instance> Damper::Pass(const std::vector<v1::Instance>& instances, TimePoint now) {
  std::set<std::string> serving;
  for (const v1::Instance& instance : instances) {
    if (Serves(instance)) serving.insert(PlaceOf(instance));
  }
  Count(serving, now);
  Choose(serving, now);
  std::vector<v1::Instance> passed;
  for (const v1::Instance& instance : instances) {
    if (!withheld_.contains(PlaceOf(instance))) passed.push_back(instance);
  }
  return passed;
}

}  // namespace weft::intake
