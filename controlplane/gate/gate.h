#pragma once
// The listener of the gRPC server: accepts as admission.h allows and hands the sockets over. Thread rule:
// Arrived from any thread; the rest from one. What was handed over is the receiver's to close.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "controlplane/gate/admission.h"

namespace weft::gate {

class Gate {
 public:
  // Binds and listens; the port is chosen when it is 0. The error says what to change.
  static Result<std::unique_ptr<Gate>> Listen(const net::Address& address, Bounds bounds = {});
  ~Gate() { Stop(); }

  const net::Address& address() const { return address_; }
  void Start(std::function<void(int fd)> take);
  void Stop();
  void Arrived(const net::Address& peer);  // its handshake is done

 private:
  Gate(int listener, int wake, net::Address address, Bounds bounds);
  void Run();
  void Wake();
  int WaitMs();
  void AcceptOne();

  const int listener_, wake_;
  const net::Address address_;
  std::mutex mutex_;
  Admission admission_;
  std::function<void(int)> take_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace weft::gate
