#pragma once
// A listening socket on a worker's loop: accepts until the kernel has no more. When descriptors run out it
// rests for 100 ms and tries again, so established connections live on. Thread rule: the worker that owns the
// loop.

#include <functional>

#include "agent/loop/loop.h"
#include "common/net/address.h"

namespace weft::accept {

class Acceptor final : public loop::Handler {
 public:
  // Takes over the descriptor `fd`; accepted ones belong to whoever `on_socket` is.
  Acceptor(loop::EventLoop& loop, int fd, std::function<void(int fd, const net::Address& peer)> on_socket);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  Status Start();
  std::uint64_t exhausted() const { return exhausted_; }  // how often descriptors ran out

  void OnReady(bool readable, bool writable) override;

 private:
  void AcceptAll();

  loop::EventLoop& loop_;
  int fd_;
  std::function<void(int, const net::Address&)> on_socket_;
  loop::Timer rest_;
  std::uint64_t exhausted_ = 0;
};

}  // namespace weft::accept
