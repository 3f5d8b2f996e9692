#include "tests/sim/baseline/ejector.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/stats/ring.h"

namespace weft::sim {
namespace {

class Envoy final : public Ejector {
 public:
  Envoy(const EnvoyOutlier& settings, std::uint32_t servers) : s_(settings), hosts_(servers) {}

  bool IsOut(std::uint32_t server, TimePoint) override { return hosts_[server].out; }

  void Ended(std::uint32_t server, bool good, TimePoint now) override {
    Host& host = hosts_[server];
    ++host.requests;
    host.good += good;
    host.run = good ? 0 : host.run + 1;
    if (s_.consecutive > 0 && host.run >= s_.consecutive && !host.out) Eject(host, now);
  }

  void Tick(TimePoint now) override {
    if (checked_ == TimePoint{}) checked_ = now;
    if (now - checked_ < s_.interval) return;
    checked_ = now;
    for (Host& host : hosts_) {
      if (host.out && now - host.since >= std::min<Duration>(s_.base * host.times, s_.most)) {
        host.out = false;
        host.run = 0;
        ++transitions;
      } else if (!host.out && host.times > 0) {
        --host.times;
      }
    }
    if (s_.stdev_factor > 0) EjectBelowMean(now);
    if (s_.failure_percent > 0) EjectFailing(now);
    for (Host& host : hosts_) host.requests = host.good = 0;
  }

 private:
  struct Host {
    bool out = false;
    TimePoint since;
    std::uint32_t times = 0, run = 0, requests = 0, good = 0;
    double rate() const { return static_cast<double>(good) / requests; }
  };

  void Eject(Host& host, TimePoint now) {
    const auto out = std::count_if(hosts_.begin(), hosts_.end(), [](const Host& h) { return h.out; });
    if (100.0 * static_cast<double>(out) / static_cast<double>(hosts_.size()) >= s_.most_percent) return;
    host.out = true;
    host.since = now;
    ++host.times;
    ++ejections;
    ++transitions;
  }

  void EjectBelowMean(TimePoint now) {
    std::vector<Host*> valid;
    for (Host& host : hosts_) {
      if (!host.out && host.requests >= s_.fewest_requests) valid.push_back(&host);
    }
    if (valid.size() < s_.fewest_hosts) return;
    double mean = 0, variance = 0;
    const auto n = static_cast<double>(valid.size());
    for (const Host* host : valid) mean += host->rate() / n;
    for (const Host* host : valid) variance += (host->rate() - mean) * (host->rate() - mean) / n;
    for (Host* host : valid) {
      if (host->rate() < mean - s_.stdev_factor * std::sqrt(variance)) Eject(*host, now);
    }
  }

  void EjectFailing(TimePoint now) {
    for (Host& host : hosts_) {
      if (!host.out && host.requests >= s_.failure_requests && 100 * (1 - host.rate()) > s_.failure_percent)
        Eject(host, now);
    }
  }

  EnvoyOutlier s_;
  std::vector<Host> hosts_;
  TimePoint checked_;
};

struct Share {
  std::uint32_t requests = 0, good = 0;
  Share& operator+=(const Share& o) { return requests += o.requests, good += o.good, *this; }
  Share& operator-=(const Share& o) { return requests -= o.requests, good -= o.good, *this; }
};

class Linkerd final : public Ejector {
 public:
  Linkerd(const LinkerdAccrual& settings, std::uint32_t servers, std::uint64_t seed)
      : s_(settings), draws_(seed), hosts_(servers) {}

  bool IsOut(std::uint32_t server, TimePoint now) override {
    Host& host = hosts_[server];
    if (!host.out) return false;
    if (now < host.until) return true;
    if (host.probing && now - host.probed < s_.most) return true;
    return false;
  }

  void Ended(std::uint32_t server, bool good, TimePoint now) override {
    Host& host = hosts_[server];
    if (host.out) {
      if (now < host.until) return;  // sent before
      good ? Return(host) : Eject(host, now);
      return;
    }
    host.recent.Add(now, {1, good ? 1U : 0U});
    host.run = good ? 0 : host.run + 1;
    const Share& recent = host.recent.Total(now);
    const bool low =
        s_.success > 0 && recent.requests >= s_.fewest && recent.good < s_.success * recent.requests;
    if ((s_.consecutive > 0 && host.run >= s_.consecutive) || low) {
      host.doublings = 0;
      Eject(host, now);
    }
  }

 private:
  struct Host {
    bool out = false, probing = false;
    TimePoint until, probed;
    std::uint32_t run = 0, doublings = 0;
    stats::Ring<Share, 10> recent{std::chrono::seconds(1)};
  };

  void Eject(Host& host, TimePoint now) {
    if (!host.out) ++ejections, ++transitions;
    host.out = true;
    host.probing = false;
    const Duration whole =
        std::min<Duration>(s_.least * (std::int64_t{1} << std::min(host.doublings++, 10U)), s_.most);
    const double jitter = 0.5 * draws_.Unit(simulate::Stream::kPolicy, 7, draws_made_++);
    host.until = now + whole + simulate::Seconds(jitter * simulate::InSeconds(whole));
  }
  void Return(Host& host) {
    host.out = false;
    host.run = 0;
    host.recent.Clear();
    ++transitions;
  }

  LinkerdAccrual s_;
  simulate::Draws draws_;
  std::uint64_t draws_made_ = 0;
  std::vector<Host> hosts_;
};

class Counted final : public Ejector {
 public:
  Counted(const Counters& settings, std::uint32_t servers) : s_(settings), hosts_(servers) {}

  // While it is out one request per `check` tries it.
  bool IsOut(std::uint32_t server, TimePoint now) override {
    Host& host = hosts_[server];
    return host.out && now < host.next;
  }
  void Ended(std::uint32_t server, bool good, TimePoint now) override {
    Host& host = hosts_[server];
    host.run = good == host.last_good ? host.run + 1 : 1;
    host.last_good = good;
    if (host.out) host.next = now + s_.check;
    if (!host.out && !good && host.run >= s_.down) {
      host.out = true;
      host.next = now + s_.check;
      ++ejections, ++transitions;
    } else if (host.out && good && host.run >= s_.up) {
      host.out = false;
      ++transitions;
    }
  }

 private:
  struct Host {
    bool out = false, last_good = true;
    std::uint32_t run = 0;
    TimePoint next;
  };
  Counters s_;
  std::vector<Host> hosts_;
};

}  // namespace

std::unique_ptr<Ejector> MakeEjector(const EnvoyOutlier& settings, std::uint32_t servers) {
  return std::make_unique<Envoy>(settings, servers);
}
std::unique_ptr<Ejector> MakeEjector(const LinkerdAccrual& settings, std::uint32_t servers,
                                     std::uint64_t seed) {
  return std::make_unique<Linkerd>(settings, servers, seed);
}
std::unique_ptr<Ejector> MakeEjector(const Counters& settings, std::uint32_t servers) {
  return std::make_unique<Counted>(settings, servers);
}

}  // namespace weft::sim
