#pragma once
// weft-control as a whole, from its settings to its end: also what a test starts in its own process.

#include <memory>

#include "controlplane/app/settings.h"

namespace weft::control {

class Program {
 public:
  // Everything but the listeners' work: opens the store, loads files, binds. The error tells what to change.
  static Result<std::unique_ptr<Program>> Start(const Settings& settings);
  ~Program();

  net::Address grpc() const;  // with the ports chosen
  net::Address http() const;
  void Run();   // until SIGTERM, SIGINT or Stop
  void Stop();  // any thread

  struct Parts;

 private:
  explicit Program(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace weft::control
