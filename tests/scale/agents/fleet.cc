#include "tests/scale/agents/fleet.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

namespace weft::scale {
namespace {

constexpr std::uint64_t kInput = ~0ULL;
constexpr std::uint32_t kDrawnFrom = 3;  // s0 to s2 have users of their own

bool Spread(std::uint32_t number, std::uint32_t users, std::uint32_t total) {
  return users >= total ||
         number * std::uint64_t{users} / total != (number + 1) * std::uint64_t{users} / total;
}

std::int64_t At(const std::vector<std::int64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + '"';
}

}  // namespace

Fleet::Fleet(FleetOptions options)
    : options_(std::move(options)), epoll_(epoll_create1(EPOLL_CLOEXEC)), now_(ReadMonotonicClock()) {
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kInput;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &event);
}

Fleet::~Fleet() {
  agents_.clear();
  close(epoll_);
}

void Fleet::Run() {
  std::array<epoll_event, 256> events{};
  while (!quitting_) {
    const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), UntilNextTimer());
    now_ = ReadMonotonicClock();
    for (int i = 0; i < ready; ++i) {
      const std::uint64_t tag = events[static_cast<std::size_t>(i)].data.u64;
      if (tag == kInput) {
        ReadInput();
      } else {
        agents_[tag >> 32U]->OnReady(static_cast<std::uint32_t>(tag));
      }
    }
    FireTimers();
    CheckAwaited();
  }
}

void Fleet::ReadInput() {
  std::array<char, 4096> buffer{};
  const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (n == 0) quitting_ = true;
  if (n <= 0) return;
  input_.append(buffer.data(), static_cast<std::size_t>(n));
  for (std::size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    Obey(line);
  }
}

void Fleet::Obey(const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "start") {
    std::uint32_t total = 0;
    double rate = 0;
    words >> total >> rate;
    StartAgents(total, rate);
  } else if (verb == "mark") {
    bundle_acks_.clear();
    endpoint_acks_.clear();
  } else if (verb == "await") {
    words >> awaited_ >> awaited_count_;
    if (!awaited_.starts_with("revision:")) return;
    awaited_revision_ = std::stoull(awaited_.substr(9));
    holding_ =
        static_cast<std::uint64_t>(std::count_if(agents_.begin(), agents_.end(), [this](const auto& agent) {
          return agent->version().revision() >= awaited_revision_;
        }));
  } else if (verb == "drop") {
    std::uint32_t count = 0;
    words >> count;
    for (std::uint32_t i = 0; i < std::min<std::size_t>(count, agents_.size()); ++i) agents_[i]->Drop();
  } else if (verb == "pause" || verb == "resume") {
    std::uint32_t first = 0, count = 0;
    words >> first >> count;
    for (std::uint32_t i = first; i < std::min<std::size_t>(first + count, agents_.size()); ++i)
      agents_[i]->Pause(verb == "pause");
  } else if (verb == "status") {
    Status();
  } else {
    quitting_ = true;
  }
}

std::vector<std::uint32_t> Fleet::Subscriptions(std::uint32_t number, std::uint32_t total) const {
  std::set<std::uint32_t> chosen{0};
  if (Spread(number, options_.users_of_s1, total)) chosen.insert(1);
  if (Spread(number, options_.users_of_s2, total)) chosen.insert(2);
  Rng rng(3, number);
  while (chosen.size() < options_.subscriptions && options_.services > kDrawnFrom + options_.subscriptions)
    chosen.insert(kDrawnFrom +
                  static_cast<std::uint32_t>(rng.Below(Purpose::kTest, options_.services - kDrawnFrom)));
  return {chosen.begin(), chosen.end()};
}

void Fleet::StartAgents(std::uint32_t total, double rate) {
  const auto first = static_cast<std::uint32_t>(agents_.size());
  for (std::uint32_t number = first; number < total; ++number) {
    Agent::Options options{number, "agent-" + std::to_string(number), options_.ns, options_.service,
                           Subscriptions(number, total)};
    agents_.push_back(std::make_unique<Agent>(*this, counts_, options_.target, epoll_, std::move(options)));
    const double seconds = rate > 0 ? (number - first) / rate : 0;
    After(Duration(static_cast<std::int64_t>(seconds * 1e9)), *agents_.back(), Timer::kConnect);
  }
}

void Fleet::After(Duration span, Agent& agent, Timer timer) {
  timers_.push({now_ + span, agent.number(), agent.attempt(), timer});
}

void Fleet::FireTimers() {
  for (int i = 0; i < 256 && !timers_.empty() && timers_.top().at <= now_; ++i) {
    const Due due = timers_.top();
    timers_.pop();
    agents_[due.agent]->OnTimer(due.timer, due.attempt);
  }
}

int Fleet::UntilNextTimer() const {
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.top().at - now_).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
}

void Fleet::OnAck(const Agent& agent, const v1::Delta& delta) {
  const std::int64_t now = Nanos(ReadMonotonicClock());
  if (delta.bundles_size() > 0) bundle_acks_.push_back(now);
  if (delta.endpoints_size() > 0) endpoint_acks_.push_back(now);
  if (awaited_revision_ > 0 && delta.has_version() && agent.version().revision() >= awaited_revision_)
    ++holding_;
}

void Fleet::OnSynced(int change) { synced_ += change; }

std::uint64_t Fleet::Awaited() const {
  if (awaited_ == "synced") return static_cast<std::uint64_t>(synced_);
  if (awaited_ == "bundles") return bundle_acks_.size();
  if (awaited_ == "endpoints") return endpoint_acks_.size();
  return holding_;
}

void Fleet::CheckAwaited() {
  if (awaited_.empty() || Awaited() < awaited_count_) return;
  std::vector<std::int64_t> times = awaited_ == "endpoints" ? endpoint_acks_ : bundle_acks_;
  std::sort(times.begin(), times.end());
  std::printf(
      "{\"reached\": %s, \"now\": %lld, \"first\": %lld, \"p50\": %lld, \"p99\": %lld, \"last\": %lld}\n",
      Quoted(awaited_).c_str(), static_cast<long long>(Nanos(now_)), static_cast<long long>(At(times, 0)),
      static_cast<long long>(At(times, 0.5)), static_cast<long long>(At(times, 0.99)),
      static_cast<long long>(times.empty() ? 0 : times.back()));
  std::fflush(stdout);
  awaited_.clear();
  awaited_revision_ = 0;
}

void Fleet::Status() const {
  const auto number = [](const char* name, std::uint64_t value) {
    std::printf("\"%s\": %llu, ", name, static_cast<unsigned long long>(value));
  };
  std::printf("{");
  number("agents", agents_.size());
  number("synced", static_cast<std::uint64_t>(synced_));
  number("attempts", counts_.attempts);
  number("opened", counts_.opened);
  number("deltas", counts_.deltas);
  number("bytes", counts_.bytes);
  number("fulls", counts_.fulls);
  number("bundles", counts_.bundles);
  number("unchanged", counts_.unchanged);
  number("endpoints", counts_.endpoints);
  number("unknown", counts_.unknown);
  number("removed", counts_.removed);
  number("wrong", counts_.wrong);
  number("going_back", counts_.going_back);
  std::printf("\"ends\": {");
  const char* comma = "";
  for (const auto& [why, count] : counts_.ends) {
    std::printf("%s%s: %llu", comma, Quoted(why).c_str(), static_cast<unsigned long long>(count));
    comma = ", ";
  }
  std::printf("}}\n");
  std::fflush(stdout);
}

}  // namespace weft::scale
