#pragma once
// The first bytes of a connection whose protocol is not declared: HTTP or not. A protocol in which the
// server speaks first says nothing; after `patience` it counts as not HTTP. Deletes itself when it has
// decided. Thread rule: one worker.

#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "agent/connection/connection.h"
#include "agent/transport/transport.h"

namespace weft::accept {

class Opening final : public loop::Handler {
 public:
  // Once; `first` are the bytes read so far. No transport: the client left, or said nothing for too long.
  using Decided =
      std::function<void(std::unique_ptr<transport::Transport> transport, std::string_view first, bool http)>;

  // Those that have not decided yet.
  using Pending = std::unordered_set<Opening*>;
  // `patience` zero: wait for the client as long as `most`, then close.
  static void Start(connection::Io& io, std::unique_ptr<transport::Transport> transport, Duration patience,
                    Duration most, Pending& pending, Decided decided);
  static void CloseAll(Pending& pending);
  void OnReady(bool readable, bool writable) override;

 private:
  Opening(connection::Io& io, std::unique_ptr<transport::Transport> transport, Pending& pending,
          Decided decided);
  void Read();
  void OnTimer();
  void Decide(bool http);
  void Close();

  connection::Io& io_;
  std::unique_ptr<transport::Transport> transport_;
  Pending& pending_;
  Decided decided_;
  loop::Timer timer_;
  bool silence_decides_ = false;
  std::string first_;
};

}  // namespace weft::accept
