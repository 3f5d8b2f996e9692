#include "agent/accept/acceptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "agent/transport/socket_address.h"

namespace weft::accept {
namespace {

constexpr Duration kRest = std::chrono::milliseconds(100);

// Errors that belong to one connection, not to the listener (accept(2)).
bool IsOfOneConnection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH: return true;
    default: return false;
  }
}

}  // namespace

Acceptor::Acceptor(loop::EventLoop& loop, int fd, std::function<void(int, const net::Address&)> on_socket)
    : loop_(loop), fd_(fd), on_socket_(std::move(on_socket)) {
  rest_.Bind(
      loop.timers(), [](void* self, TimePoint) { static_cast<Acceptor*>(self)->AcceptAll(); }, this);
}

Acceptor::~Acceptor() {
  loop_.Forget(fd_, *this);
  close(fd_);
}

Status Acceptor::Start() { return loop_.Watch(fd_, *this); }

void Acceptor::OnReady(bool, bool) {
  if (!rest_.armed()) AcceptAll();
}

void Acceptor::AcceptAll() {
  while (true) {
    transport::SocketAddress address;
    const int fd = accept4(fd_, address.get(), address.mutable_size(), SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      on_socket_(fd, address.ToAddress());
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (!IsOfOneConnection(errno)) {  // EMFILE, ENFILE, ENOBUFS, ENOMEM
      ++exhausted_;
      return rest_.Set(loop_.now() + kRest);
    }
  }
}

}  // namespace weft::accept
