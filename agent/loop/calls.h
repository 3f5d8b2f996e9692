#pragma once
// The system calls of the request path without libc around them. Its recv, send and epoll_wait are points at
// which a thread can be cancelled, which costs a process with several threads 25 instructions and two locked
// ones for each call; nobody cancels our threads. errno as usual. Under a sanitizer libc's, which it watches.
// Thread rule: any thread.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace weft::loop {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline ssize_t Receive(int fd, void* into, std::size_t most) { return recv(fd, into, most, 0); }
inline ssize_t Send(int fd, const void* bytes, std::size_t size) {
  return send(fd, bytes, size, MSG_NOSIGNAL);
}
inline int WaitForEvents(int epoll, epoll_event* events, int most, int milliseconds) {
  return epoll_wait(epoll, events, most, milliseconds);
}
#else
inline ssize_t Receive(int fd, void* into, std::size_t most) {
  return syscall(SYS_recvfrom, fd, into, most, 0, nullptr, nullptr);
}
inline ssize_t Send(int fd, const void* bytes, std::size_t size) {
  return syscall(SYS_sendto, fd, bytes, size, MSG_NOSIGNAL, nullptr, 0);
}
inline int WaitForEvents(int epoll, epoll_event* events, int most, int milliseconds) {
  return static_cast<int>(syscall(SYS_epoll_pwait, epoll, events, most, milliseconds, nullptr, 8));
}
#endif

}  // namespace weft::loop
