#include "agent/redirect/probe.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/transport/socket_address.h"
#include "agent/transport/transport.h"

namespace weft::redirect {
namespace {

constexpr int kWaitMs = 1000;

class Socket {
 public:
  explicit Socket(bool v6)
      : fd_(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  explicit Socket(int fd) : fd_(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool Skipped(const Options& options, const net::Address& address) {
  return std::any_of(options.skip_subnets.begin(), options.skip_subnets.end(),
                     [&](const net::Cidr& subnet) { return subnet.Contains(address.ip); });
}

// Zero: it is ours to accept from. EADDRINUSE: somebody else's, the agent's.
int ListenAsAgent(const Socket& socket, bool v6, std::uint16_t port) {
  const int on = 1;
  setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const net::Address at{net::Ip::Parse(v6 ? "::1" : "127.0.0.1").value(), port};
  transport::SocketAddress address(at);
  if (bind(socket.fd(), address.get(), address.size()) != 0 || listen(socket.fd(), 8) != 0) return errno;
  return 0;
}

bool Ready(int fd, short events) {
  pollfd one{fd, events, 0};
  return poll(&one, 1, kWaitMs) == 1;
}

int Connect(const Socket& socket, const net::Address& to) {
  transport::SocketAddress address(to);
  if (connect(socket.fd(), address.get(), address.size()) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!Ready(socket.fd(), POLLOUT)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void ProbeFamily(const Options& options, bool v6, Probed& out) {
  const std::string family = v6 ? "IPv6: " : "IPv4: ";
  const std::string port = " port " + std::to_string(options.outbound);
  const std::optional<net::Address> target = ProbeTarget(options, v6);
  if (!target) return out.passed.push_back(family + "everything is skipped as the options say");
  const Socket listener(v6), client(v6);
  if (client.fd() < 0) return out.passed.push_back(family + "the kernel has none");
  const int listening = ListenAsAgent(listener, v6, options.outbound);
  if (listening == EADDRNOTAVAIL) return out.passed.push_back(family + "no such address here");
  if (listening != 0 && listening != EADDRINUSE)
    return out.problems.push_back(family + "cannot listen on" + port + ": " + std::strerror(listening));
  const int error = Connect(client, *target);
  if (error == ENETUNREACH || error == EADDRNOTAVAIL)
    return out.passed.push_back(family + "no route, nothing can leave");
  if (error != 0)
    return out.problems.push_back(family + "a connection to " + target->ToString() + " does not come to" +
                                  port + ": " + std::strerror(error));
  if (listening == 0) {
    if (!Ready(listener.fd(), POLLIN))
      return out.problems.push_back(family + target->ToString() + " was accepted by somebody else than" +
                                    port);
    const Socket accepted(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    const net::Address original = transport::OriginalDestination(accepted.fd());
    if (original != *target)
      return out.problems.push_back(family + "the original destination of " + target->ToString() +
                                    " reads as " + original.ToString());
  }
  out.passed.push_back(family + target->ToString() + " comes to" + port);
}

}  // namespace

std::optional<net::Address> ProbeTarget(const Options& options, bool v6) {
  std::uint16_t port = 9;
  const auto skips = [&](const PortRange& ports) { return port == 53 || ports.Contains(port); };
  while (port != 0 && std::any_of(options.skip_outbound.begin(), options.skip_outbound.end(), skips)) ++port;
  if (port == 0) return std::nullopt;
  const std::vector<const char*> candidates =
      v6 ? std::vector<const char*>{"2001:db8::1", "2001:db8:ffff::1", "2001:db8:8000::1"}
         : std::vector<const char*>{"192.0.2.1", "198.51.100.1", "203.0.113.1"};
  for (const char* text : candidates) {
    const net::Address address{net::Ip::Parse(text).value(), port};
    if (!Skipped(options, address)) return address;
  }
  return std::nullopt;
}

Probed ProbeOutbound(const Options& options) {
  Probed out;
  ProbeFamily(options, false, out);
  ProbeFamily(options, true, out);
  return out;
}

}  // namespace weft::redirect
