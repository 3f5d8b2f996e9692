#pragma once
// The first bytes of a connection, while it is not known what to make of them: they are read and kept until
// the caller's `examine` has seen enough, or time says that it will not. Deletes itself when it is over.
// Thread rule: one worker.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "agent/connection/connection.h"
#include "agent/transport/transport.h"

namespace weft::accept {

enum class Opened : std::uint8_t {
  kExamined,  // `examine` has seen enough
  kSilent,    // the client said nothing: it may wait for the server to speak first
  kLate,      // it began to say something and did not go on in time
  kEnded,     // it closed its direction behind what it said
  kLeft,      // it is gone; there is no transport
};

class Opening final : public loop::Handler {
 public:
  struct Options {
    Duration silence = Duration::zero();  // until the first byte; zero: for ever
    Duration most = Duration::zero();     // from the first byte on; zero: for ever
    // All bytes so far, never none. True: enough. The caller bounds how much that may be.
    std::function<bool(std::string_view bytes)> examine;
    // Once; `client.unread` is what was read.
    std::function<void(connection::Handed client, Opened how)> opened;
  };
  using Pending = std::unordered_set<Opening*>;  // those that are not over yet

  // `client.unread` counts as read.
  static void Start(connection::Io& io, connection::Handed client, Pending& pending, Options options);
  static void CloseAll(Pending& pending);
  void OnReady(bool readable, bool writable) override;

 private:
  Opening(connection::Io& io, connection::Handed client, Pending& pending, Options options);
  void Read();
  void SetTimer(Duration most);
  void End(Opened how);

  connection::Io& io_;
  connection::Handed client_;
  Pending& pending_;
  Options options_;
  loop::Timer timer_;
};

}  // namespace weft::accept
