#pragma once
// Servers that behave as told, one thread each, on a port of the kernel's choice. They count connections and
// requests.

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/net/address.h"

namespace weft::support {

class FakeUpstream {
 public:
  // Answers each complete request head-and-body with what `answer` gives; an empty text closes the
  // connection.
  using Answer = std::function<std::string(const std::string& head, const std::string& body)>;

  static FakeUpstream* Answering(int status, const std::string& body);  // keep-alive
  static FakeUpstream* Echoing();                                       // the request's body, with its length
  static FakeUpstream* Closing();     // reads the request, then closes without a byte
  static FakeUpstream* Hanging();     // reads, never answers
  static FakeUpstream* Truncating();  // a head that promises 100 bytes, 10 of them, then a reset
  static net::Address Refusing();     // nobody listens there

  explicit FakeUpstream(Answer answer, bool hang = false);
  FakeUpstream(Answer answer, std::string greeting);  // which it says first, to each connection
  ~FakeUpstream();

  net::Address address() const { return address_; }
  int connections() const { return connections_; }
  int requests() const { return requests_; }
  // Most connections whose peer had not closed them, as the kernel has it, at the time another one came.
  int most_open() const { return most_open_; }
  std::string last_head() const;

 private:
  void Accept();
  void Serve(int fd);

  Answer answer_;
  std::string greeting_;
  bool hang_ = false;
  int listener_;
  net::Address address_;
  std::atomic<int> connections_{0}, requests_{0}, most_open_{0};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::string last_head_;
  std::vector<int> served_;  // guarded by mutex_
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

int Dial(const net::Address& to);  // a connected socket

// A blocking client for tests.
class FakeClient {
 public:
  explicit FakeClient(const net::Address& to);
  ~FakeClient();
  FakeClient(const FakeClient&) = delete;
  FakeClient& operator=(const FakeClient&) = delete;
  void Send(const std::string& bytes);
  std::string ReadUntil(const std::string& end);  // up to and with it; what came when the peer closed
  std::string ReadBytes(std::size_t count);
  std::string ReadAll();  // until the peer closes; "…<reset>" when it was cut
  // One request on this connection; head and body (by its content-length).
  std::string Get(const std::string& path = "/", const std::string& fields = "");
  void HalfClose();
  int fd() const { return fd_; }

 private:
  int fd_;
  std::string kept_;
};

inline bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace weft::support
