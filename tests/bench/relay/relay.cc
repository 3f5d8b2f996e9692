// The floor: relays bytes between a listening port and one upstream port, one connection each, on bare epoll.
// Usage: bench-relay LISTEN_PORT UPSTREAM_PORT. Loopback only. Nothing that forwards bytes with socket calls
// can be cheaper; everything in docs/benchmarks.md is a ratio to this program.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

struct Side {
  int fd;
  Side* other;
  std::vector<char> left;  // what the kernel refused; empty nearly always
};

std::array<char, 64 * 1024> scratch;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int Socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void Watch(int epoll, Side* side) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.ptr = side;
  epoll_ctl(epoll, EPOLL_CTL_ADD, side->fd, &event);
}

void Close(Side* side) {
  if (side->fd < 0) return;
  close(side->fd);
  close(side->other->fd);
  side->fd = side->other->fd = -1;  // the pair leaks: a benchmark ends soon
}

void Flush(Side* to) {
  if (to->left.empty()) return;
  const ssize_t sent = send(to->fd, to->left.data(), to->left.size(), MSG_NOSIGNAL);
  if (sent > 0) to->left.erase(to->left.begin(), to->left.begin() + sent);
}

void Pump(Side* from) {
  Side* to = from->other;
  while (to->left.empty()) {
    const ssize_t got = recv(from->fd, scratch.data(), scratch.size(), 0);
    if (got == 0) return Close(from);
    if (got < 0) return;
    const ssize_t sent = send(to->fd, scratch.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
    if (sent < got) to->left.assign(scratch.data() + (sent < 0 ? 0 : sent), scratch.data() + got);
    if (static_cast<std::size_t>(got) < scratch.size()) return;
  }
}

void Accept(int epoll, int listener, int upstream_port) {
  int fd;
  while ((fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int out = Socket();
    sockaddr_in to = Loopback(upstream_port);
    if (connect(out, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
      std::perror("bench-relay: connect");
    }
    auto* client = new Side{fd, nullptr, {}};
    auto* upstream = new Side{out, client, {}};
    client->other = upstream;
    Watch(epoll, client);
    Watch(epoll, upstream);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench-relay LISTEN_PORT UPSTREAM_PORT\n");
    return 2;
  }
  const int listener = Socket();
  sockaddr_in at = Loopback(std::atoi(argv[1]));
  if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(listener, 4096) != 0) {
    std::perror("bench-relay: listen");
    return 1;
  }
  const int epoll = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  std::array<epoll_event, 256> events;
  while (true) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& ready = events[static_cast<std::size_t>(i)];
      auto* side = static_cast<Side*>(ready.data.ptr);
      if (side == nullptr) {
        Accept(epoll, listener, std::atoi(argv[2]));
        continue;
      }
      if (side->fd < 0) continue;
      if ((ready.events & EPOLLOUT) != 0 && !side->left.empty()) {
        Flush(side);
        if (side->left.empty() && side->other->fd >= 0) Pump(side->other);
      }
      if (side->fd >= 0 && (ready.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Pump(side);
    }
  }
}
