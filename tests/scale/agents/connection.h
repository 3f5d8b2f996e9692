#pragma once
// One gRPC call over HTTP/2 and, unless plain, TLS 1.3 with verified certificates: by nghttp2 and OpenSSL on
// a socket that does not block, so that ten thousand fit in one thread. Thread rule: one thread.

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weft::scale {

struct Target {
  std::uint16_t port = 0;     // on 127.0.0.1
  SSL_CTX* tls = nullptr;     // null: plain text
  std::string server_name;    // that the certificate must have
  std::string authorization;  // header; empty: none
};

// What a connection tells. OnEnd comes once at most and last; the listener may then destroy the connection,
// but not before the call that led to it has returned.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void OnOpen() = 0;  // the handshake is done and the call begun
  virtual void OnMessage(std::string_view message) = 0;
  virtual void OnPong() = 0;
  // pushback_ms: from the trailer grpc-retry-pushback-ms; negative: there was none.
  virtual void OnEnd(const std::string& why, std::int64_t pushback_ms) = 0;
};

class Connection {
 public:
  // `source` is added to 127.0.0.0: where the connection comes from, as from hosts of their own.
  Connection(int epoll, std::uint64_t tag, const Target& target, std::uint32_t source, Listener& listener);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void OnReady();  // epoll says that the socket may be read or written
  void Send(std::string_view message);
  void Ping();
  void Pause(bool paused);  // a paused one reads nothing: what comes stays in the kernel
  std::uint64_t received() const { return received_; }  // bytes of messages

 private:
  struct Callbacks;
  void Start();
  bool Handshake();  // false: not yet, or it has ended
  void Read();
  void Write();
  void Take(std::string_view data);
  void End(const std::string& why);

  Listener& listener_;
  const Target& target_;
  int fd_ = -1;
  SSL* ssl_ = nullptr;
  nghttp2_session* session_ = nullptr;
  std::int32_t stream_ = -1;
  bool connected_ = false, open_ = false, paused_ = false, ended_ = false;
  std::string incoming_, outgoing_, unsent_;
  std::size_t outgoing_done_ = 0;
  std::string status_, detail_;  // trailers
  std::int64_t pushback_ms_ = -1;
  std::uint64_t received_ = 0;
};

}  // namespace weft::scale
