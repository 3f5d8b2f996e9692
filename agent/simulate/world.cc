#include "agent/simulate/world.h"

#include <algorithm>

#include "agent/answer/answer.h"

namespace weft::simulate {
namespace {

enum WorldEvent : std::uint32_t { kArrival, kAnswer, kDue, kRetry, kTick, kAction, kPeriodic };

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

Duration World::WorkOf(std::uint64_t number) const {
  const Work& work = settings_.work;
  double times = 1;
  switch (work.shape) {
    case Work::Shape::kFixed: return work.mean;
    case Work::Shape::kExponential: times = draws_.Exponential(Stream::kWork, number); break;
    case Work::Shape::kNormal: times = 1 + work.spread * draws_.Normal(Stream::kWork, number); break;
    case Work::Shape::kLogNormal: times = draws_.LogNormal(Stream::kWork, number, work.spread); break;
  }
  return std::max(work.least, Seconds(times * InSeconds(work.mean)));
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

Flight* World::FlightOf(std::uint64_t token) {
  Flight& flight = *flights_[static_cast<std::uint32_t>(token)];
  return flight.serial == token >> 32 ? &flight : nullptr;
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
  flight.sent = now;
  flight.result = {};
  ++sent_to_[flight.server];
  tally_.Attempt(flight.began);
  Send(flight, terms);
}

void World::Send(Flight& flight, const Terms& terms) {
  const TimePoint now = events_.now();
  Server& server = *servers_[flight.server];
  const Fault fault = server.behaviour.fault;
  TimePoint due = terms.deadline.at();
  if (terms.attempt_timeout > Duration::zero()) due = std::min(due, now + terms.attempt_timeout);
  const Duration head = clients_[flight.client]->HeadTimeout(flight);
  flight.awaits_head = head > Duration::zero() && now + head < due;
  if (flight.awaits_head) due = now + head;
  if (fault == Fault::kRefuse) {
    flight.result.outcome = engine::Outcome::kConnectFailed;
    flight.result.reason = Reason::kConnectFailed;
    flight.result.never_sent = true;
    events_.At(now + 2 * settings_.network, *this, kAnswer, TokenOf(flight));
    flight.place = kNobody;
    return;
  }
  if (fault == Fault::kBlackHole) {
    due = std::min(due, now + terms.connect_timeout);
    flight.place = kNobody;
    flight.result.never_sent = true;
  } else {
    const double error = draws_.Unit(Stream::kFault, flight.number, flight.attempts);
    flight.place = server.Arrive(TokenOf(flight), WorkOf(flight.number), error);
  }
  if (due != TimePoint::max()) events_.At(due, *this, kDue, TokenOf(flight));
}

void World::OnServed(std::uint64_t token, const Served& served) {
  Flight* flight = FlightOf(token);
  if (flight == nullptr) return;
  flight->place = kNobody;
  flight->result.status = served.status;
  flight->result.retry_after = served.retry_after;
  flight->result.outcome = served.status == 0 ? engine::Outcome::kReset : engine::Outcome::kResponse;
  if (served.status == 0) flight->result.reason = Reason::kUpstreamReset;
  if (settings_.tells_load && served.status != 0)
    flight->result.load = SayLoad(flight->server, events_.now() - flight->sent);
  events_.At(events_.now() + served.extra + 2 * settings_.network, *this, kAnswer, token);
}

// As an inbound agent would: requests in flight, and an average that moves by an eighth per answer.
engine::SaidLoad World::SayLoad(std::uint32_t server, Duration took) {
  Duration& average = latencies_[server];
  average += (took - average) / 8;
  return {true, servers_[server]->in_flight(), average};
}

// The attempt's time is up, or the request's.
void World::GiveUp(Flight& flight) {
  const Terms& terms = terms_[flight.index];
  const TimePoint now = events_.now();
  if (flight.place != kNobody) servers_[flight.server]->Cancel(flight.place);
  const bool request = terms.deadline.Passed(now);
  const bool unconnected = flight.result.never_sent;
  flight.result = {};
  flight.result.never_sent = unconnected;
  flight.result.outcome = request              ? engine::Outcome::kRequestTimeout
                          : unconnected        ? engine::Outcome::kConnectTimeout
                          : flight.awaits_head ? engine::Outcome::kHeadTimeout
                                               : engine::Outcome::kAttemptTimeout;
  flight.result.reason = request              ? Reason::kRequestTimeout
                         : unconnected        ? Reason::kConnectTimeout
                         : flight.awaits_head ? Reason::kResponseHeadTimeout
                                              : Reason::kAttemptTimeout;
  Conclude(flight);
}

void World::Conclude(Flight& flight) {
  const TimePoint now = events_.now();
  ++flight.serial;
  if (flight.result.outcome == engine::Outcome::kResponse) flight.result.head_at = now;
  const Repeat repeat = clients_[flight.client]->Ended(flight, now);
  if (repeat.retry) {
    flight.first_failed |= flight.attempts == 1;
    flight.retried = true;
    events_.At(now + repeat.delay, *this, kRetry, TokenOf(flight));
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
      if (Flight* flight = FlightOf(item)) Conclude(*flight);
      break;
    case kDue:
      if (Flight* flight = FlightOf(item)) GiveUp(*flight);
      break;
    case kRetry:
      if (Flight* flight = FlightOf(item)) Attempt(*flight);
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
