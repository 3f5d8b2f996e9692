// Load generator and canned backend in one process on one thread, so that a benchmark on two cores leaves the
// other core to the proxy alone. Closed loop, or open loop with Poisson arrivals and latency counted from the
// intended send time. Loopback only; bounded by --requests or --seconds.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/time/time.h"

namespace {

using weft::Duration;
using weft::ReadMonotonicClock;
using weft::TimePoint;

struct Options {
  std::map<std::string, std::string> values = {
      {"backend", "0"}, {"connect", "0"},          {"connections", "64"}, {"rate", "0"},
      {"seconds", "2"}, {"requests", "0"},         {"body", "1024"},      {"warmup", "0.4"},
      {"idle", "0"},    {"host", "bench.default"}, {"path", "/item/17"},  {"at-once", "0"}};
  double Number(const std::string& name) const { return std::atof(values.at(name).c_str()); }
  std::size_t Count(const std::string& name) const { return static_cast<std::size_t>(Number(name)); }
};

sockaddr_in Loopback(std::size_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void SetOption(int fd, int level, int name) {
  const int on = 1;
  setsockopt(fd, level, name, &on, sizeof on);
}

int Listen(std::size_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR);
  sockaddr_in at = Loopback(port);
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(fd, 4096) != 0) {
    std::perror("bench-load: backend port");
    std::exit(1);
  }
  return fd;
}

struct Peer {
  bool server = false;
  int fd = -1;
  std::string in;      // an incomplete message
  std::string out;     // what the kernel refused
  bool busy = false;   // client: a response is awaited
  TimePoint intended;  // client: when this request should have left
};

class Bench {
 public:
  explicit Bench(const Options& options)
      : rate_(options.Number("rate")),
        limit_(options.Count("requests")),
        warmup_(static_cast<std::int64_t>(options.Number("warmup") * 1e9)),
        span_(static_cast<std::int64_t>(options.Number("seconds") * 1e9)),
        epoll_(epoll_create1(0)) {
    const std::string body(options.Count("body"), 'x');
    response_ = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nserver: bench\r\ncontent-length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body;
    body_bytes_ = body.size();
    request_ =
        "GET " + options.values.at("path") + " HTTP/1.1\r\nhost: " + options.values.at("host") +
        "\r\nuser-agent: bench/1.0 (load generator)\r\naccept: application/json, text/plain;q=0.9\r\n"
        "accept-language: en-US,en;q=0.5\r\naccept-encoding: gzip, br\r\ncookie: session=0123456789abcdef; "
        "t=1\r\n"
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx-client: bench\r\n\r\n";
    if (options.Count("backend") != 0) {
      backend_ = Listen(options.Count("backend"));
      Watch(backend_, &backend_marker_, EPOLLIN);
    }
    if (options.Count("connect") != 0) Connect(options.Count("connect"), options.Count("connections"));
    idle_ = options.Number("idle");
    at_once_ = options.Count("at-once");
    if (at_once_ == 0 || at_once_ > clients_.size()) at_once_ = clients_.size();
  }

  int Run() {
    start_ = now_ = ReadMonotonicClock();
    next_arrival_ = start_;
    if (clients_.empty()) return ServeForever();
    if (rate_ == 0) {
      for (std::size_t i = 0; i < at_once_; ++i) Send(*clients_[i], now_);
      next_client_ = at_once_ % clients_.size();
    }
    while (!Done()) Turn();
    if (idle_ > 0) {  // keep the connections open and say so, for whoever measures memory
      std::printf("idle\n");
      std::fflush(stdout);
      Linger(idle_);
    }
    Report();
    return 0;
  }

 private:
  void Watch(int fd, Peer* peer, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = peer;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void Connect(std::size_t port, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in to = Loopback(port);
      if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
        std::perror("bench-load: connect");
        std::exit(1);
      }
      SetOption(fd, IPPROTO_TCP, TCP_NODELAY);
      auto* peer = new Peer;
      peer->fd = fd;
      clients_.push_back(peer);
      Watch(fd, peer, EPOLLIN | EPOLLET);
      free_.push_back(peer);
    }
  }

  bool Done() const {
    if (limit_ > 0) return completed_ >= limit_;
    return now_ >= start_ + warmup_ + span_;
  }

  int ServeForever() {
    while (true) Turn();
  }

  void Linger(double seconds) {
    const TimePoint end = now_ + Duration(static_cast<std::int64_t>(seconds * 1e9));
    limit_ = completed_;
    while (now_ < end) Turn();
  }

  void Turn() {
    std::array<epoll_event, 256> events;
    int wait = 50;
    if (rate_ > 0) wait = next_arrival_ - now_ > std::chrono::milliseconds(1) ? 1 : 0;
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait);
    now_ = ReadMonotonicClock();
    for (int i = 0; i < count; ++i) {
      auto* peer = static_cast<Peer*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (peer == &backend_marker_)
        Accept();
      else if (peer->server)
        Serve(*peer);
      else
        Receive(*peer);
    }
    if (rate_ > 0) Arrive();
  }

  void Arrive() {
    while (next_arrival_ <= now_ && !(limit_ > 0 && sent_ >= limit_)) {
      waiting_.push_back(next_arrival_);
      next_arrival_ += Duration(static_cast<std::int64_t>(-std::log(1.0 - unit_(random_)) / rate_ * 1e9));
    }
    while (!waiting_.empty() && !free_.empty()) {
      Peer* client = free_.back();
      free_.pop_back();
      Send(*client, waiting_.front());
      waiting_.pop_front();
    }
  }

  void Accept() {
    int fd;
    while ((fd = accept4(backend_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
      SetOption(fd, IPPROTO_TCP, TCP_NODELAY);
      auto* peer = new Peer;
      peer->server = true;
      peer->fd = fd;
      Watch(fd, peer, EPOLLIN | EPOLLOUT | EPOLLET);
    }
  }

  void Serve(Peer& peer) {
    if (!peer.out.empty()) Write(peer, {});
    const std::string_view bytes = Fill(peer);
    std::size_t from = 0, end;
    while ((end = bytes.find("\r\n\r\n", from)) != std::string_view::npos) {
      from = end + 4;
      ++served_;
      Write(peer, response_);
    }
    Keep(peer, bytes.substr(from));
  }

  // What arrived, together with what was left over; a view into scratch_ or peer.in.
  std::string_view Fill(Peer& peer) {
    const ssize_t got = recv(peer.fd, scratch_.data(), scratch_.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
      if (!peer.server && (peer.busy || got < 0)) Fail("the connection ended early");
      close(peer.fd);
      peer.fd = -1;
      peer.busy = false;
      return {};
    }
    const std::string_view fresh(scratch_.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    if (peer.in.empty()) return fresh;
    peer.in.append(fresh);
    return peer.in;
  }

  static void Keep(Peer& peer, std::string_view rest) {
    if (rest.empty())
      peer.in.clear();
    else
      peer.in = std::string(rest);
  }

  void Write(Peer& peer, std::string_view bytes) {
    if (peer.fd < 0) return;
    if (!peer.out.empty()) {
      peer.out.append(bytes);
      const ssize_t sent = send(peer.fd, peer.out.data(), peer.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) peer.out.erase(0, static_cast<std::size_t>(sent));
      return;
    }
    const ssize_t sent = send(peer.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < static_cast<ssize_t>(bytes.size()))
      peer.out = bytes.substr(sent < 0 ? 0 : static_cast<std::size_t>(sent));
  }

  void Send(Peer& peer, TimePoint intended) {
    if (peer.fd < 0 || (limit_ > 0 && sent_ >= limit_)) return;
    peer.busy = true;
    peer.intended = intended;
    ++sent_;
    Write(peer, request_);
  }

  void Receive(Peer& peer) {
    const std::string_view bytes = Fill(peer);
    if (!peer.busy || bytes.empty()) return;
    const std::size_t head = bytes.find("\r\n\r\n");
    if (head == std::string_view::npos) return Keep(peer, bytes);
    if (bytes.substr(9, 3) != "200") Fail(bytes);
    if (bytes.size() < head + 4 + body_bytes_) return Keep(peer, bytes);
    const bool whole = bytes.size() == head + 4 + body_bytes_ &&
                       (body_bytes_ == 0 || (bytes[head + 4] == 'x' && bytes.back() == 'x'));
    if (!whole) Fail("a body is not the one that was sent");
    peer.in.clear();
    peer.busy = false;
    ++completed_;
    if (now_ >= start_ + warmup_)
      latencies_.push_back(static_cast<float>((now_ - peer.intended).count()) * 1e-3F);
    if (rate_ > 0)
      free_.push_back(&peer);
    else
      Send(at_once_ == clients_.size() ? peer : NextClient(), now_);
  }

  // One wrong answer spoils the run.
  [[noreturn]] static void Fail(std::string_view what) {
    std::fprintf(stderr, "bench-load: wrong answer: %.*s\n", static_cast<int>(what.size()), what.data());
    std::exit(1);
  }

  // With fewer requests at once than connections, each connection has its turn.
  Peer& NextClient() {
    Peer& next = *clients_[next_client_];
    next_client_ = (next_client_ + 1) % clients_.size();
    return next;
  }

  void Report() {
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [&](double q) {
      if (latencies_.empty()) return 0.0;
      return static_cast<double>(
          latencies_[static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1))]);
    };
    const double seconds = static_cast<double>((now_ - start_).count()) * 1e-9;
    std::printf(
        "{\"completed\": %zu, \"sent\": %zu, \"served\": %zu, \"seconds\": %.4f, "
        "\"rps\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}\n",
        completed_, sent_, served_, seconds, static_cast<double>(completed_) / seconds, at(0.5), at(0.99),
        at(0.999));
  }

  double rate_;
  std::size_t limit_;
  Duration warmup_, span_;
  double idle_ = 0;
  std::size_t at_once_ = 0, next_client_ = 0;
  int epoll_;
  int backend_ = -1;
  Peer backend_marker_;
  std::string request_, response_;
  std::size_t body_bytes_ = 0;
  std::vector<Peer*> clients_, free_;
  std::deque<TimePoint> waiting_;
  std::array<char, 256 * 1024> scratch_;
  TimePoint start_, now_, next_arrival_;
  std::size_t completed_ = 0, sent_ = 0, served_ = 0;
  std::vector<float> latencies_;
  std::mt19937_64 random_{7};
  std::uniform_real_distribution<double> unit_{0.0, 1.0};
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = std::string(argv[i]).substr(std::min<std::size_t>(2, std::strlen(argv[i])));
    if (options.values.count(name) == 0) {
      std::fprintf(stderr, "bench-load: unknown option %s\n", argv[i]);
      return 2;
    }
    options.values[name] = argv[i + 1];
  }
  if (options.Count("backend") == 0 && options.Count("connect") == 0) {
    std::fprintf(stderr,
                 "usage: bench-load [--backend PORT] [--connect PORT] [--connections N] [--rate R] "
                 "[--seconds S | --requests N] [--body BYTES] [--warmup S] [--idle S] [--at-once N] [--host "
                 "H] [--path P]\n");
    return 2;
  }
  static Bench bench(options);
  return bench.Run();
}
