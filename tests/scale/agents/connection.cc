#include "tests/scale/agents/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace weft::scale {
namespace {

constexpr std::size_t kPrefix = 5;  // of a gRPC message: compressed or not, and its length
constexpr std::int32_t kWindow = 4 << 20;

nghttp2_nv Header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

int OpenSocket(std::uint16_t port, std::uint32_t source) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(0x7f000000U + source);
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) std::perror("scale-agents: bind");
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 && errno != EINPROGRESS)
    std::perror("scale-agents: connect");
  return fd;
}

}  // namespace

struct Connection::Callbacks {
  static Connection& Self(void* self) { return *static_cast<Connection*>(self); }

  static ssize_t Provide(nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t room, std::uint32_t*,
                         nghttp2_data_source* source, void*) {
    Connection& self = Self(source->ptr);
    const std::size_t n = std::min(room, self.outgoing_.size() - self.outgoing_done_);
    if (n == 0) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(out, self.outgoing_.data() + self.outgoing_done_, n);
    self.outgoing_done_ += n;
    if (self.outgoing_done_ == self.outgoing_.size()) self.outgoing_.clear(), self.outgoing_done_ = 0;
    return static_cast<ssize_t>(n);
  }

  static int OnData(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* data, std::size_t size,
                    void* self) {
    Self(self).Take({reinterpret_cast<const char*>(data), size});
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
      Self(self).listener_.OnPong();
    return 0;
  }

  static int OnHeader(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                      const std::uint8_t* value, std::size_t size, std::uint8_t, void* self) {
    const std::string_view key(reinterpret_cast<const char*>(name), name_size);
    const std::string text(reinterpret_cast<const char*>(value), size);
    if (key == "grpc-status") Self(self).status_ = text;
    if (key == "grpc-message") Self(self).detail_ = text;
    if (key == "grpc-retry-pushback-ms") Self(self).pushback_ms_ = std::atoll(text.c_str());
    return 0;
  }

  static int OnStreamClose(nghttp2_session*, std::int32_t, std::uint32_t code, void* self) {
    Connection& connection = Self(self);
    connection.ended_ = true;
    if (connection.status_.empty()) connection.status_ = "reset " + std::to_string(code);
    return 0;
  }

  static nghttp2_session_callbacks* Get() {
    static nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnData);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrame);
      nghttp2_session_callbacks_set_on_header_callback(made, OnHeader);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, OnStreamClose);
      return made;
    }();
    return callbacks;
  }
};

Connection::Connection(int epoll, std::uint64_t tag, const Target& target, std::uint32_t source,
                       Listener& listener)
    : listener_(listener), target_(target), fd_(OpenSocket(target.port, source)) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = tag;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd_, &event);
  if (target_.tls == nullptr) return;
  ssl_ = SSL_new(target_.tls);
  SSL_set_fd(ssl_, fd_);
  SSL_set_connect_state(ssl_);
  SSL_set_tlsext_host_name(ssl_, target_.server_name.c_str());
  SSL_set1_host(ssl_, target_.server_name.c_str());
}

Connection::~Connection() {
  if (session_ != nullptr) nghttp2_session_del(session_);
  if (ssl_ != nullptr) SSL_free(ssl_);
  if (fd_ >= 0) close(fd_);
}

void Connection::OnReady() {
  if (ended_) return;
  if (!open_ && !Handshake()) return;
  if (!paused_) Read();
  if (!ended_) Write();
}

bool Connection::Handshake() {
  if (!connected_) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return End(std::string("connect: ") + std::strerror(error)), false;
    sockaddr_in peer{};
    socklen_t peer_size = sizeof peer;
    if (getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return false;
    connected_ = true;
  }
  if (ssl_ != nullptr) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_);
    if (done != 1) {
      const int why = SSL_get_error(ssl_, done);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return false;
      const char* reason = ERR_reason_error_string(ERR_get_error());
      return End(std::string("handshake: ") + (reason == nullptr ? "closed" : reason)), false;
    }
  }
  Start();
  return true;
}

void Connection::Start() {
  open_ = true;
  nghttp2_session_client_new(&session_, Callbacks::Get(), this);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
                                             {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
  std::array<nghttp2_nv, 8> headers = {Header(":method", "POST"),
                                       Header(":scheme", ssl_ == nullptr ? "http" : "https"),
                                       Header(":path", "/weft.v1.Mesh/Connect"),
                                       Header(":authority", target_.server_name),
                                       Header("te", "trailers"),
                                       Header("content-type", "application/grpc"),
                                       Header("user-agent", "scale-agents"),
                                       Header("authorization", target_.authorization)};
  nghttp2_data_provider body{};
  body.source.ptr = this;
  body.read_callback = Callbacks::Provide;
  stream_ = nghttp2_submit_request(session_, nullptr, headers.data(),
                                   headers.size() - (target_.authorization.empty() ? 1 : 0), &body, nullptr);
  listener_.OnOpen();
}

void Connection::Read() {
  static std::array<char, 64 << 10> buffer;
  while (!ended_) {
    ssize_t n = 0;
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int got = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
      const int why = got > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_, got);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
      if (got <= 0) return End("the connection was closed");
      n = got;
    } else {
      n = recv(fd_, buffer.data(), buffer.size(), 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return End("the connection was closed");
    }
    const ssize_t used = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const std::uint8_t*>(buffer.data()), static_cast<std::size_t>(n));
    if (used < 0) return End(nghttp2_strerror(static_cast<int>(used)));
    if (ended_) {
      listener_.OnEnd("status " + status_ + (detail_.empty() ? "" : ": " + detail_), pushback_ms_);
      return;
    }
  }
}

void Connection::Take(std::string_view data) {
  if (!incoming_.empty()) {
    incoming_ += data;
    data = incoming_;
  }
  while (data.size() >= kPrefix) {
    std::uint32_t length = 0;
    std::memcpy(&length, data.data() + 1, sizeof length);
    length = ntohl(length);
    if (data.size() < kPrefix + length) break;
    received_ += length;
    listener_.OnMessage(data.substr(kPrefix, length));
    data.remove_prefix(kPrefix + length);
  }
  incoming_ = std::string(data);
}

void Connection::Send(std::string_view message) {
  const std::uint32_t length = htonl(static_cast<std::uint32_t>(message.size()));
  outgoing_.push_back('\0');
  outgoing_.append(reinterpret_cast<const char*>(&length), sizeof length);
  outgoing_ += message;
  nghttp2_session_resume_data(session_, stream_);
}

void Connection::Ping() {
  if (!open_ || ended_) return;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  Write();
}

void Connection::Pause(bool paused) {
  paused_ = paused;
  if (!paused) OnReady();
}

void Connection::Write() {
  const std::uint8_t* bytes = nullptr;
  while (unsent_.size() < (1U << 20U)) {
    const ssize_t n = nghttp2_session_mem_send(session_, &bytes);
    if (n <= 0) break;
    unsent_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
  }
  while (!unsent_.empty()) {
    ssize_t n = 0;
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int put = SSL_write(ssl_, unsent_.data(), static_cast<int>(unsent_.size()));
      const int why = put > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_, put);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
      if (put <= 0) return End("the connection was closed");
      n = put;
    } else {
      n = send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return End("the connection was closed");
    }
    unsent_.erase(0, static_cast<std::size_t>(n));
  }
}

void Connection::End(const std::string& why) {
  if (ended_) return;
  ended_ = true;
  listener_.OnEnd(status_.empty() ? why : "status " + status_ + ": " + detail_, pushback_ms_);
}

}  // namespace weft::scale
