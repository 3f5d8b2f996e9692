#include "controlplane/gate/gate.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace weft::gate {
namespace {

// Short, so that nobody waits in it longer than an agent does (5 s): what does not fit comes again by TCP's
// own clock.
constexpr int kBacklog = 256;
constexpr int kNoDescriptorsMs = 100;                             // until accepting is tried again
constexpr int kIdleSeconds = 60, kProbeSeconds = 5, kProbes = 4;  // a peer that answers nothing is gone

union Socket {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

socklen_t ToSocket(const net::Address& address, Socket& out) {
  std::memset(&out, 0, sizeof out);
  if (address.ip.v6) {
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(address.port);
    std::memcpy(&out.v6.sin6_addr, address.ip.bytes.data(), 16);
    return sizeof out.v6;
  }
  out.v4.sin_family = AF_INET;
  out.v4.sin_port = htons(address.port);
  std::memcpy(&out.v4.sin_addr, address.ip.bytes.data(), 4);
  return sizeof out.v4;
}

net::Address FromSocket(const Socket& in) {
  net::Address out;
  if (in.any.sa_family == AF_INET) {
    std::memcpy(out.ip.bytes.data(), &in.v4.sin_addr, 4);
    out.port = ntohs(in.v4.sin_port);
    return out;
  }
  out.port = ntohs(in.v6.sin6_port);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&in.v6.sin6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&in.v6.sin6_addr)) {
    std::copy(bytes + 12, bytes + 16, out.ip.bytes.begin());
  } else {
    out.ip.v6 = true;
    std::copy(bytes, bytes + 16, out.ip.bytes.begin());
  }
  return out;
}

// It closed while it waited in the queue: its handshake would be work for nobody.
bool GaveUp(int fd) {
  pollfd peer{fd, POLLRDHUP, 0};
  return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

// A peer that is gone is noticed by the kernel. gRPC's own pings would do it too, but it sets the clock of
// their timer back with each message that comes.
void SetOptions(int fd) {
  const auto set = [fd](int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kProbeSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kProbes * kProbeSeconds * 1000);
}

}  // namespace

Result<std::unique_ptr<Gate>> Gate::Listen(const net::Address& address, Bounds bounds) {
  Socket at;
  socklen_t size = ToSocket(address, at);
  const int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, &at.any, size) != 0 || listen(fd, kBacklog) != 0) {
    const std::string why = std::strerror(errno);
    if (fd >= 0) close(fd);
    return Error{
        ErrorKind::kUnavailable,
        "cannot listen on " + address.ToString() + " (" + why + "); stop what uses it or choose another port",
        {},
        {}};
  }
  size = sizeof at;
  getsockname(fd, &at.any, &size);
  const int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return std::unique_ptr<Gate>(new Gate(fd, wake, {address.ip, FromSocket(at).port}, bounds));
}

Gate::Gate(int listener, int wake, net::Address address, Bounds bounds)
    : listener_(listener), wake_(wake), address_(address), admission_(bounds) {}

void Gate::Start(std::function<void(int fd)> take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { Run(); });
}

void Gate::Stop() {
  if (stopping_.exchange(true)) return;
  Wake();
  if (thread_.joinable()) thread_.join();
  close(listener_);
  close(wake_);
}

void Gate::Arrived(const net::Address& peer) {
  bool full = false;
  {
    const std::scoped_lock lock(mutex_);
    full = admission_.Arrived(peer);
  }
  if (full && !stopping_) Wake();
}

// Negative: until there is a connection. While all places are taken the listener is not looked at.
int Gate::WaitMs() {
  const std::scoped_lock lock(mutex_);
  const TimePoint now = ReadMonotonicClock();
  if (admission_.Open(now)) return -1;
  const TimePoint next = admission_.next().value_or(now);
  return 1 +
         static_cast<int>(
             std::chrono::ceil<std::chrono::milliseconds>(std::max(next - now, Duration::zero())).count());
}

void Gate::Wake() { eventfd_write(wake_, 1); }

void Gate::Run() {
  eventfd_t woken = 0;
  while (!stopping_) {
    const int wait = WaitMs();
    std::array<pollfd, 2> fds{{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}}};
    poll(fds.data(), wait < 0 ? 2 : 1, wait);
    if ((fds[0].revents & POLLIN) != 0) eventfd_read(wake_, &woken);
    if (wait < 0 && (fds[1].revents & POLLIN) != 0) AcceptOne();
  }
}

void Gate::AcceptOne() {
  Socket from;
  socklen_t size = sizeof from;
  const int fd = accept4(listener_, &from.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS) return;
    pollfd wake{wake_, POLLIN, 0};
    poll(&wake, 1, kNoDescriptorsMs);
    return;
  }
  bool admitted = false;
  if (!GaveUp(fd)) {
    const std::scoped_lock lock(mutex_);
    admitted = admission_.Admit(FromSocket(from), ReadMonotonicClock());
  }
  if (!admitted) {
    close(fd);
    return;
  }
  SetOptions(fd);
  take_(fd);
}

}  // namespace weft::gate
