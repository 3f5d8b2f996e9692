#include "agent/probe/probe.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>

#include "common/http/client.h"
#include "common/random/random.h"

namespace weft::probe {
namespace {

namespace asio = boost::asio;

asio::ip::tcp::endpoint EndpointOf(const net::Address& address) {
  return {asio::ip::make_address(address.ip.ToString()), address.port};
}

// Checks come in plaintext, which the port of a strict service refuses: there connecting has to do.
policy::HealthCheck CheckOf(const policy::ServicePolicy& policy) {
  policy::HealthCheck check = policy.health_check;
  check.tcp |= policy.mtls == policy::Mtls::kStrict && check.port == 0;
  return check;
}

}  // namespace

struct Prober::State : std::enable_shared_from_this<State> {
  // What is checked; a change of any of it starts the check anew.
  struct Subject {
    BackendKey backend;
    std::uint64_t instance = 0;
    net::Address address;
    friend auto operator<=>(const Subject&, const Subject&) = default;
  };

  struct Check : std::enable_shared_from_this<Check> {
    Check(State& s, Subject what, policy::HealthCheck how)
        : state(s.weak_from_this()),
          subject(std::move(what)),
          policy(std::move(how)),
          timer(s.context),
          rng(s.seed, subject.instance) {}
    void Wait(Duration span);
    void Run();
    void RunTcp(const std::shared_ptr<State>& owner);
    void Done(bool passed);

    std::weak_ptr<State> state;
    Subject subject;
    policy::HealthCheck policy;
    asio::steady_timer timer;
    Rng rng;
    TimePoint began, ended;
    std::shared_ptr<asio::ip::tcp::socket> socket;
    bool stopped = false;
  };

  State(asio::io_context& c, std::uint64_t s, std::function<void(const Result&)> f)
      : context(c), seed(s), on_result(std::move(f)) {}

  asio::io_context& context;
  std::uint64_t seed;
  std::function<void(const Result&)> on_result;
  std::map<Subject, std::shared_ptr<Check>> checks;
};

void Prober::State::Check::Wait(Duration span) {
  timer.expires_after(span);
  timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->stopped) self->Run();
  });
}

void Prober::State::Check::Run() {
  const std::shared_ptr<State> owner = state.lock();
  if (owner == nullptr) return;
  began = ReadMonotonicClock();
  if (policy.tcp || policy.path.empty()) return RunTcp(owner);
  http::Request request;
  request.target = policy.path;
  http::CallOptions options;
  options.timeout = std::chrono::ceil<std::chrono::milliseconds>(policy.timeout);
  options.max_body = 1 << 20;
  const net::HostPort where{subject.address.ip.ToString(), subject.address.port};
  http::CallAsync(
      owner->context, where, request,
      [self = shared_from_this()](weft::Result<http::Response> response) {
        self->Done(response && response->status >= 200 && response->status < 400);
      },
      options);
}

void Prober::State::Check::RunTcp(const std::shared_ptr<State>& owner) {
  socket = std::make_shared<asio::ip::tcp::socket>(owner->context);
  timer.expires_after(policy.timeout);
  timer.async_wait([socket = socket](const boost::system::error_code& error) {
    boost::system::error_code ignored;
    if (!error) socket->close(ignored);
  });
  socket->async_connect(EndpointOf(subject.address),
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          self->socket.reset();
                          self->Done(!error);
                        });
}

void Prober::State::Check::Done(bool passed) {
  const std::shared_ptr<State> owner = state.lock();
  if (stopped || owner == nullptr) return;
  ended = ReadMonotonicClock();
  owner->on_result({subject.backend, subject.instance, passed, ended - began});
  const auto jitter = static_cast<double>(policy.interval.count()) * 0.1 * (rng.Unit(Purpose::kProbe) - 0.5);
  Wait(policy.interval + Duration(static_cast<Duration::rep>(jitter)));
}

Prober::Prober(asio::io_context& context, std::uint64_t seed, std::function<void(const Result&)> on_result)
    : state_(std::make_shared<State>(context, seed, std::move(on_result))) {}

Prober::~Prober() {
  for (auto& [subject, check] : state_->checks) {
    check->stopped = true;
    check->timer.cancel();
  }
}

TimePoint Prober::LastCheck(const BackendKey& backend, std::uint64_t instance) const {
  const auto found = state_->checks.lower_bound(State::Subject{backend, instance, {}});
  if (found == state_->checks.end()) return {};
  const State::Subject& subject = found->first;
  return subject.backend == backend && subject.instance == instance ? found->second->ended : TimePoint();
}

std::size_t Prober::checks() const { return state_->checks.size(); }

void Prober::Install(const snapshot::SnapshotPtr& snapshot) {
  std::map<State::Subject, std::shared_ptr<State::Check>> next;
  for (const auto& [key, service] : snapshot->services) {
    const policy::HealthCheck policy = CheckOf(service->bundle->policy);
    if (!policy.enabled) continue;
    for (const policy::ServicePort& port : service->bundle->ports) {
      for (const snapshot::Instance& instance : service->endpoints->instances) {
        State::Subject subject{{key, port.port}, instance.hash, instance.AddressFor(port)};
        if (policy.port != 0) subject.address.port = policy.port;
        const auto old = state_->checks.find(subject);
        if (old != state_->checks.end()) {
          old->second->policy = policy;
          next.insert(*old);
          continue;
        }
        auto check = std::make_shared<State::Check>(*state_, subject, policy);
        check->Wait(Duration(static_cast<Duration::rep>(check->rng.Unit(Purpose::kProbe) *
                                                        static_cast<double>(policy.interval.count()))));
        next.emplace(std::move(subject), std::move(check));
      }
    }
  }
  for (auto& [subject, check] : state_->checks) {
    if (next.count(subject) > 0) continue;
    check->stopped = true;
    check->timer.cancel();
  }
  state_->checks = std::move(next);
}

}  // namespace weft::probe
