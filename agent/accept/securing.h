#pragma once
// A client's connection while its TLS handshake runs; at its end the caller has it back, or it is gone.
// Deletes itself when it is over. Thread rule: one worker.

#include <functional>
#include <memory>
#include <unordered_set>

#include "agent/connection/connection.h"

namespace weft::accept {

class Securing final : public loop::Handler {
 public:
  using Pending = std::unordered_set<Securing*>;  // those that are not over yet
  // Null: the handshake failed, or took longer than `most`.
  using Done = std::function<void(std::unique_ptr<transport::Transport> secured)>;

  static void Start(connection::Io& io, std::unique_ptr<transport::Transport> secured, Duration most,
                    Pending& pending, Done done);
  static void CloseAll(Pending& pending);
  void OnReady(bool readable, bool writable) override;

 private:
  Securing(connection::Io& io, std::unique_ptr<transport::Transport> secured, Pending& pending, Done done);
  void End(bool good);

  connection::Io& io_;
  std::unique_ptr<transport::Transport> secured_;
  Pending& pending_;
  const Done done_;
  loop::Timer timer_;
};

}  // namespace weft::accept
