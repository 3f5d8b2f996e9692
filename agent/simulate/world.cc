#include "agent/simulate/world.h"

#include <algorithm>

#include "agent/answer/answer.h"

namespace weft::simulate {
namespace {

enum WorldEvent : std::uint32_t { kArrival, kAnswer, kDue, kRetry, kSecond, kTick, kAction, kPeriodic };

constexpr std::uint64_t kStraggle = 1000;  // index of its draws, beside those of errors
constexpr Duration kTickEvery = std::chrono::milliseconds(100);
const TimePoint kBegin = FromNanos(1'000'000'000'000);

// Circuits keep milliseconds and windows lie on multiples of their width: clients that began together would
// beat together.
Duration PhaseOf(std::uint32_t client) { return std::chrono::microseconds(client * 617 % 100'000); }

}  // namespace

World::World(const WorldSettings& settings)
    : settings_(settings), draws_(settings.seed), begin_(kBegin), events_(kBegin) {
  tally_.Begin(begin_);
  tally_.measure_from = begin_;
}
World::~World() = default;

Server& World::AddServer(const Model& model) {
  sent_to_.push_back(0);
  latencies_.push_back(Duration::zero());
  return *servers_.emplace_back(std::make_unique<Server>(events_, *this, model));
}

std::uint32_t World::AddClient(std::unique_ptr<Decider> decider) {
  const auto index = static_cast<std::uint32_t>(clients_.size());
  clients_.push_back(std::move(decider));
  events_.At(begin_ + PhaseOf(index), *this, kTick, index);
  return index;
}

void World::At(Duration span, std::function<void()> action) {
  events_.At(begin_ + span, *this, kAction, actions_.size());
  actions_.push_back(std::move(action));
}

void World::Every(Duration period, std::function<void()> action) {
  events_.At(events_.now() + period, *this, kPeriodic, periodic_.size());
  periodic_.push_back({period, std::move(action)});
}

void World::SetRate(double per_second) {
  rate_ = per_second;
  ++arrival_serial_;
  PlanArrival();
}

void World::PlanArrival() {
  if (rate_ <= 0) return;
  const double gap = settings_.poisson ? draws_.Exponential(Stream::kArrival, arrivals_) : 1;
  events_.At(events_.now() + Seconds(gap / rate_), *this, kArrival, arrival_serial_);
}

void World::Run(Duration span) { events_.RunUntil(events_.now() + span); }

Duration World::WorkOf(const Flight& flight) const {
  const Work& work = settings_.work;
  const std::uint64_t number = flight.number;
  double times = 1;
  switch (work.shape) {
    case Work::Shape::kFixed: break;
    case Work::Shape::kExponential: times = draws_.Exponential(Stream::kWork, number); break;
    case Work::Shape::kNormal: times = 1 + work.spread * draws_.Normal(Stream::kWork, number); break;
    case Work::Shape::kLogNormal: times = draws_.LogNormal(Stream::kWork, number, work.spread); break;
  }
  if (work.straggle_share > 0 &&
      draws_.Unit(Stream::kFault, number, kStraggle + flight.attempts) < work.straggle_share)
    times *= work.straggle_times;
  return std::max(work.least, times == 1 ? work.mean : Seconds(times * InSeconds(work.mean)));
}

Flight& World::Take() {
  if (free_.empty()) {
    auto flight = std::make_unique<Flight>();
    flight->index = static_cast<std::uint32_t>(flights_.size());
    flights_.push_back(std::move(flight));
    terms_.emplace_back();
    return *flights_.back();
  }
  Flight& flight = *flights_[free_.back()];
  free_.pop_back();
  const std::uint32_t index = flight.index, serial = flight.serial;
  flight = Flight{};
  flight.index = index;
  flight.serial = serial + 1;
  return flight;
}

World::Way World::WayOf(std::uint64_t token) {
  Flight& flight = *flights_[static_cast<std::uint32_t>(token & ~kSecondBit)];
  Leg& leg = (token & kSecondBit) != 0 ? flight.second : flight;
  return leg.serial == token >> 32 ? Way{&flight, &leg} : Way{};
}

void World::Arrive() {
  Flight& flight = Take();
  flight.number = arrivals_++;
  PlanArrival();
  flight.client =
      choose_client_
          ? choose_client_(flight.number)
          : static_cast<std::uint32_t>(draws_.Below(Stream::kClient, flight.number, clients_.size()));
  flight.key = choose_key_ ? choose_key_(flight.number) : 0;
  flight.began = events_.now();
  if (settings_.post_share > 0 && draws_.Unit(Stream::kClient, flight.number, 1) < settings_.post_share)
    flight.method = message::Method::kPost;
  Terms& terms = terms_[flight.index];
  terms = clients_[flight.client]->Start(flight, events_.now());
  if (terms.refused != Reason::kOk) return Finish(flight, terms.refused, 0);
  Attempt(flight);
}

void World::Attempt(Flight& flight) {
  const TimePoint now = events_.now();
  const Terms& terms = terms_[flight.index];
  if (terms.deadline.Passed(now)) return Finish(flight, Reason::kRequestTimeout, 0);
  Reason why = Reason::kNoHealthyInstances;
  flight.server = clients_[flight.client]->Pick(flight, now, why);
  if (flight.server == kNobody) return Finish(flight, why, 0);
  ++flight.attempts;
  ++flight.serial;
  Send(flight, flight, terms);
  const Duration second = clients_[flight.client]->SecondAfter(flight);
  if (second > Duration::zero()) events_.At(now + second, *this, kSecond, TokenOf(flight, flight));
}

void World::Second(Flight& flight) {
  flight.second.server = clients_[flight.client]->PickSecond(flight, events_.now());
  if (flight.second.server == kNobody) return;
  ++flight.attempts;
  flight.second.serial = flight.serial;
  Send(flight, flight.second, terms_[flight.index]);
}

void World::Send(Flight& flight, Leg& leg, const Terms& terms) {
  const TimePoint now = events_.now();
  leg.sent = now;
  leg.result = {};
  ++sent_to_[leg.server];
  tally_.Attempt(flight.began);
  Server& server = *servers_[leg.server];
  const Fault fault = server.behaviour.fault;
  TimePoint due = terms.deadline.at();
  if (terms.attempt_timeout > Duration::zero()) due = std::min(due, now + terms.attempt_timeout);
  const Duration head = clients_[flight.client]->HeadTimeout(flight);
  leg.awaits_head = head > Duration::zero() && now + head < due;
  if (leg.awaits_head) due = now + head;
  leg.place = kNobody;
  if (fault == Fault::kRefuse) {
    leg.result.outcome = engine::Outcome::kConnectFailed;
    leg.result.reason = Reason::kConnectFailed;
    leg.result.never_sent = true;
    events_.At(now + 2 * settings_.network, *this, kAnswer, TokenOf(flight, leg));
    return;
  }
  if (fault == Fault::kBlackHole) {
    due = std::min(due, now + terms.connect_timeout);
    leg.result.never_sent = true;
  } else {
    const double error = draws_.Unit(Stream::kFault, flight.number, flight.attempts);
    leg.place = server.Arrive(TokenOf(flight, leg), WorkOf(flight), error);
  }
  if (due != TimePoint::max()) events_.At(due, *this, kDue, TokenOf(flight, leg));
}

void World::OnServed(std::uint64_t token, const Served& served) {
  Leg* leg = WayOf(token).leg;
  if (leg == nullptr) return;
  leg->place = kNobody;
  leg->result.status = served.status;
  leg->result.retry_after = served.retry_after;
  leg->result.outcome = served.status == 0 ? engine::Outcome::kReset : engine::Outcome::kResponse;
  if (served.status == 0) leg->result.reason = Reason::kUpstreamReset;
  if (settings_.tells_load && served.status != 0)
    leg->result.load = SayLoad(leg->server, events_.now() - leg->sent);
  events_.At(events_.now() + served.extra + 2 * settings_.network, *this, kAnswer, token);
}

// As an inbound agent would: requests in flight, and an average that moves by an eighth per answer.
engine::SaidLoad World::SayLoad(std::uint32_t server, Duration took) {
  Duration& average = latencies_[server];
  average += (took - average) / 8;
  return {true, servers_[server]->in_flight(), servers_[server]->places(), average};
}

// Nobody waits for it any more.
void World::Outrun(Leg& leg) {
  if (leg.place != kNobody) servers_[leg.server]->Cancel(leg.place);
  leg.place = kNobody;
  leg.result = {};
  leg.result.outcome = engine::Outcome::kOutrun;
}

// The attempt's time is up, or the request's.
void World::GiveUp(Flight& flight, Leg& leg) {
  const Terms& terms = terms_[flight.index];
  const TimePoint now = events_.now();
  if (leg.place != kNobody) servers_[leg.server]->Cancel(leg.place);
  const bool request = terms.deadline.Passed(now);
  if (request && &leg == &flight && flight.second.serial != 0) {
    Outrun(flight.second);
    flight.second.serial = 0;
    clients_[flight.client]->SecondEnded(flight, now);
  }
  const bool unconnected = leg.result.never_sent;
  leg.result = {};
  leg.result.never_sent = unconnected;
  leg.result.outcome = request           ? engine::Outcome::kRequestTimeout
                       : unconnected     ? engine::Outcome::kConnectTimeout
                       : leg.awaits_head ? engine::Outcome::kHeadTimeout
                                         : engine::Outcome::kAttemptTimeout;
  leg.result.reason = request           ? Reason::kRequestTimeout
                      : unconnected     ? Reason::kConnectTimeout
                      : leg.awaits_head ? Reason::kResponseHeadTimeout
                                        : Reason::kAttemptTimeout;
  Conclude(flight, leg);
}

// Of two attempts one is over; true when the request waits for the other. Else `flight` is the one that
// ended.
bool World::GoesOnBeside(Flight& flight, Leg& leg) {
  const TimePoint now = events_.now();
  Decider& client = *clients_[flight.client];
  const bool answer = client.IsAnswer(flight, leg.result);
  if (&leg == &flight) {
    if (!answer) {
      client.Ended(flight, now);
      return flight.alone = true;
    }
    Outrun(flight.second);
    client.SecondEnded(flight, now);
  } else if (!flight.alone) {
    if (!answer) {
      client.SecondEnded(flight, now);
      return flight.second.serial = 0, true;
    }
    Outrun(flight);
    client.Ended(flight, now);
  }
  const std::uint32_t serial = flight.serial;
  if (&leg == &flight.second) static_cast<Leg&>(flight) = flight.second;
  flight.serial = serial + 1;
  flight.second.serial = 0;
  flight.alone = false;
  return false;
}

void World::Conclude(Flight& flight, Leg& leg) {
  const TimePoint now = events_.now();
  if (&leg == &flight) ++flight.serial;
  if (leg.result.outcome == engine::Outcome::kResponse) leg.result.head_at = now;
  if (flight.second.serial != 0 && GoesOnBeside(flight, leg)) return;
  const Repeat repeat = clients_[flight.client]->Ended(flight, now);
  if (repeat.retry) {
    flight.first_failed |= flight.attempts == 1;
    flight.retried = true;
    events_.At(now + repeat.delay, *this, kRetry, TokenOf(flight, flight));
    return;
  }
  const bool answered = flight.result.outcome == engine::Outcome::kResponse;
  Finish(flight, flight.result.reason, answered ? flight.result.status : 0);
}

void World::Finish(Flight& flight, Reason reason, std::uint16_t status) {
  if (reason != Reason::kOk) status = static_cast<std::uint16_t>(answer::MappingOf(reason).http);
  clients_[flight.client]->Finish(flight, reason, status, events_.now());
  tally_.Finished({flight.began, events_.now(), reason, status, flight.attempts, flight.first_failed});
  ++flight.serial;
  free_.push_back(flight.index);
}

void World::On(std::uint32_t what, std::uint64_t item) {
  switch (what) {
    case kArrival:
      if (item == arrival_serial_) Arrive();
      break;
    case kAnswer:
      if (const Way way = WayOf(item); way.leg != nullptr) Conclude(*way.flight, *way.leg);
      break;
    case kDue:
      if (const Way way = WayOf(item); way.leg != nullptr) GiveUp(*way.flight, *way.leg);
      break;
    case kRetry:
      if (const Way way = WayOf(item); way.leg != nullptr) Attempt(*way.flight);
      break;
    case kSecond:
      if (const Way way = WayOf(item); way.leg != nullptr) Second(*way.flight);
      break;
    case kTick:
      clients_[item]->Tick(events_.now());
      events_.At(events_.now() + kTickEvery, *this, kTick, item);
      break;
    case kAction: actions_[item](); break;
    case kPeriodic:
      periodic_[item].action();
      events_.At(events_.now() + periodic_[item].period, *this, kPeriodic, item);
      break;
    default: break;
  }
}

}  // namespace weft::simulate
