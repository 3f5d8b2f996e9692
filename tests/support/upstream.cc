#include "tests/support/upstream.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "agent/transport/socket_address.h"
#include "agent/transport/transport.h"

namespace weft::support {
namespace {

constexpr int kPatience = 10'000;  // ms; a test that waits longer has failed

bool Readable(int fd, int most) {
  pollfd wanted{fd, POLLIN, 0};
  return poll(&wanted, 1, most) > 0;
}

std::size_t LengthIn(const std::string& head) {
  const std::size_t at = head.find("ontent-length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 15));
}

bool IsOpen(int fd) {
  char byte;
  const ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

void Reset(int fd) {
  const linger hard{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

}  // namespace

int Dial(const net::Address& to) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  transport::SocketAddress address(to);
  if (connect(fd, address.get(), address.size()) != 0)
    throw std::runtime_error("cannot connect to " + to.ToString());
  return fd;
}

FakeUpstream::FakeUpstream(Answer answer, bool hang) : FakeUpstream(std::move(answer), std::string()) {
  hang_ = hang;
}

FakeUpstream::FakeUpstream(Answer answer, std::string greeting)
    : answer_(std::move(answer)),
      greeting_(std::move(greeting)),
      listener_(transport::Listen({net::Ip::V4(127, 0, 0, 1), 0}).value()) {
  address_ = transport::LocalAddress(listener_);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeUpstream::~FakeUpstream() {
  stop_ = true;
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

FakeUpstream* FakeUpstream::Answering(int status, const std::string& body) {
  return new FakeUpstream([=](const std::string&, const std::string&) {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\ncontent-length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  });
}

FakeUpstream* FakeUpstream::Echoing() {
  return new FakeUpstream([](const std::string&, const std::string& body) {
    return "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  });
}

FakeUpstream* FakeUpstream::Closing() {
  return new FakeUpstream([](const std::string&, const std::string&) { return std::string(); });
}

FakeUpstream* FakeUpstream::Hanging() {
  return new FakeUpstream([](const std::string&, const std::string&) { return std::string(); }, true);
}

FakeUpstream* FakeUpstream::Truncating() {
  return new FakeUpstream([](const std::string&, const std::string&) {
    return "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789!";
  });
}

// A bound socket that does not listen: nobody else gets its port.
net::Address FakeUpstream::Refusing() {
  static const int fd = [] {
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(made, reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback), 0);
    return made;
  }();
  return transport::LocalAddress(fd);
}

std::string FakeUpstream::last_head() const {
  const std::lock_guard lock(mutex_);
  return last_head_;
}

void FakeUpstream::Accept() {
  while (!stop_) {
    if (!Readable(listener_, 20)) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    {
      const std::lock_guard lock(mutex_);
      served_.push_back(fd);
      const auto open = std::count_if(served_.begin(), served_.end(), IsOpen);
      most_open_ = std::max(most_open_.load(), static_cast<int>(open));
    }
    threads_.emplace_back([this, fd] {
      Serve(fd);
      const std::lock_guard lock(mutex_);
      std::erase(served_, fd);
      close(fd);
    });
  }
}

void FakeUpstream::Serve(int fd) {
  std::string bytes;
  char chunk[65536];
  if (!greeting_.empty()) (void)!send(fd, greeting_.data(), greeting_.size(), MSG_NOSIGNAL);
  while (!stop_) {
    const std::size_t end = bytes.find("\r\n\r\n");
    const std::size_t whole =
        end == std::string::npos ? std::string::npos : end + 4 + LengthIn(bytes.substr(0, end));
    if (end != std::string::npos && bytes.size() >= whole) {
      const std::string head = bytes.substr(0, end + 4), body = bytes.substr(end + 4, whole - end - 4);
      bytes.erase(0, whole);
      {
        const std::lock_guard lock(mutex_);
        last_head_ = head;
      }
      ++requests_;
      if (hang_) continue;
      const std::string answer = answer_(head, body);
      if (answer.empty()) return;
      if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
      if (answer.back() == '?') return;            // a body that ends with its connection
      if (answer.back() == '!') return Reset(fd);  // see Truncating
      continue;
    }
    if (!Readable(fd, 20)) continue;
    const ssize_t n = recv(fd, chunk, sizeof chunk, 0);
    if (n <= 0) return;
    bytes.append(chunk, static_cast<std::size_t>(n));
  }
}

FakeClient::FakeClient(const net::Address& to) : fd_(Dial(to)) {}
FakeClient::~FakeClient() { close(fd_); }

void FakeClient::Send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

std::string FakeClient::ReadUntil(const std::string& end) {
  char chunk[65536];
  while (kept_.find(end) == std::string::npos) {
    if (!Readable(fd_, kPatience)) return "timeout after: " + kept_;
    const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
    if (n <= 0) return std::exchange(kept_, {});
    kept_.append(chunk, static_cast<std::size_t>(n));
  }
  const std::size_t size = kept_.find(end) + end.size();
  const std::string out = kept_.substr(0, size);
  kept_.erase(0, size);
  return out;
}

std::string FakeClient::ReadBytes(std::size_t count) {
  char chunk[65536];
  while (kept_.size() < count) {
    if (!Readable(fd_, kPatience)) break;
    const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
    if (n <= 0) break;
    kept_.append(chunk, static_cast<std::size_t>(n));
  }
  const std::string out = kept_.substr(0, count);
  kept_.erase(0, count);
  return out;
}

std::string FakeClient::ReadAll() {
  char chunk[65536];
  while (Readable(fd_, kPatience)) {
    const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
    if (n == 0) return std::exchange(kept_, {});
    if (n < 0) return std::exchange(kept_, {}) + "<reset>";
    kept_.append(chunk, static_cast<std::size_t>(n));
  }
  return std::exchange(kept_, {}) + "<timeout>";
}

std::string FakeClient::Get(const std::string& path, const std::string& fields) {
  Send("GET " + path + " HTTP/1.1\r\nhost: cart\r\n" + fields + "\r\n");
  const std::string head = ReadUntil("\r\n\r\n");
  return head + ReadBytes(LengthIn(head));
}

void FakeClient::HalfClose() { shutdown(fd_, SHUT_WR); }

}  // namespace weft::support
