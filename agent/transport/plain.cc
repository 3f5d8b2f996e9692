#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/loop/calls.h"
#include "agent/transport/socket_address.h"
#include "agent/transport/transport.h"

namespace weft::transport {
namespace {

Error SystemError(const std::string& what) {
  return Error{errno == EADDRINUSE || errno == EACCES ? ErrorKind::kInvalid : ErrorKind::kUnavailable,
               what + ": " + std::strerror(errno),
               {},
               {}};
}

class Plain final : public Transport {
 public:
  explicit Plain(int fd) : fd_(fd) {}
  ~Plain() override { Close(false); }

  Status Attach(loop::EventLoop& loop, loop::Handler& handler) override {
    loop_ = &loop;
    handler_ = &handler;
    return loop.Watch(fd_, handler);
  }

  void Detach() override {
    if (loop_ != nullptr) loop_->Forget(fd_, *handler_);
    loop_ = nullptr;
  }

  IoResult Read(char* into, std::size_t most) override {
    const ssize_t n = loop::Receive(fd_, into, most);
    if (n > 0) return {IoResult::Kind::kOk, static_cast<std::size_t>(n), 0};
    if (n == 0) return {IoResult::Kind::kEnd, 0, 0};
    return Failure();
  }

  IoResult Write(const iovec* pieces, int count) override {
    const ssize_t n = count == 1 ? loop::Send(fd_, pieces->iov_base, pieces->iov_len) : Gather(pieces, count);
    if (n >= 0) return {IoResult::Kind::kOk, static_cast<std::size_t>(n), 0};
    return Failure();
  }

  void AcknowledgeNow() override {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  }
  void ShutdownWrite() override { shutdown(fd_, SHUT_WR); }

  void Close(bool reset) override {
    if (fd_ < 0) return;
    if (loop_ != nullptr) loop_->Forget(fd_, *handler_);
    if (reset) {
      const linger hard{1, 0};
      setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    close(fd_);
    fd_ = -1;
  }

  net::Address local() const override { return LocalAddress(fd_); }
  net::Address peer() const override { return PeerAddress(fd_); }
  int connect_error() const override {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
  }

 private:
  ssize_t Gather(const iovec* pieces, int count) const {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces);
    message.msg_iovlen = static_cast<std::size_t>(count);
    return sendmsg(fd_, &message, MSG_NOSIGNAL);
  }
  static IoResult Failure() {
    const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return {later ? IoResult::Kind::kWouldBlock : IoResult::Kind::kError, 0, errno};
  }

  int fd_;
  loop::EventLoop* loop_ = nullptr;
  loop::Handler* handler_ = nullptr;
};

void SetNoDelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// A peer that vanished is noticed while nothing is sent: after 30 s and three probes. (TCP_USER_TIMEOUT would
// see to the rest, but it also ends connections whose peer only reads slowly.)
void SetKeepAlive(int fd) {
  const auto set = [fd](int level, int option, int value) {
    setsockopt(fd, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

int OpenSocket(const net::Address& address) {
  return socket(address.ip.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

}  // namespace

std::unique_ptr<Transport> PlainTransport(int fd) {
  SetNoDelay(fd);
  return std::make_unique<Plain>(fd);
}

Result<std::unique_ptr<Transport>> Connect(const net::Address& to) {
  const int fd = OpenSocket(to);
  if (fd < 0) return SystemError("socket");
  std::unique_ptr<Transport> transport = PlainTransport(fd);
  SetKeepAlive(fd);
  SocketAddress address(to);
  if (connect(fd, address.get(), address.size()) == 0 || errno == EINPROGRESS) return transport;
  return SystemError("connect to " + to.ToString());
}

Result<int> Listen(const net::Address& at, int backlog) {
  const int fd = OpenSocket(at);
  if (fd < 0) return SystemError("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  SocketAddress address(at);
  if (bind(fd, address.get(), address.size()) != 0 || listen(fd, backlog) != 0) {
    const Error error = SystemError("cannot listen on " + at.ToString());
    close(fd);
    return error;
  }
  return fd;
}

net::Address LocalAddress(int fd) {
  SocketAddress address;
  if (getsockname(fd, address.get(), address.mutable_size()) != 0) return {};
  return address.ToAddress();
}

net::Address PeerAddress(int fd) {
  SocketAddress address;
  if (getpeername(fd, address.get(), address.mutable_size()) != 0) return {};
  return address.ToAddress();
}

net::Address OriginalDestination(int fd) {
  constexpr int kOriginalDst = 80;  // SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST
  const net::Address local = LocalAddress(fd);
  SocketAddress address;
  const int level = local.ip.v6 ? static_cast<int>(IPPROTO_IPV6) : static_cast<int>(IPPROTO_IP);
  if (getsockopt(fd, level, kOriginalDst, address.get(), address.mutable_size()) != 0) return local;
  return address.ToAddress();
}

}  // namespace weft::transport
