#pragma once
// DNS queries by c-ares on an io_context: no cache, no hosts file, TCP where an answer is cut off. Thread
// rule: everything on the one thread that runs the context.

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/intake/dns/answer.h"

namespace weft::intake::dns {

struct ResolverOptions {
  std::vector<net::Address> servers;         // empty: those of /etc/resolv.conf
  std::chrono::milliseconds timeout{2'000};  // of the first try of a server; later ones wait longer
  int tries = 2;
};

class Resolver {
 public:
  static Result<std::unique_ptr<Resolver>> Make(boost::asio::io_context& context,
                                                const ResolverOptions& options);
  ~Resolver();  // queries that run are not answered any more
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // No such name, and no record of that type: an empty answer with `ttl` zero. An error: nobody knows.
  void Ask(const std::string& name, Type type, std::function<void(Result<Answer>)> done);

 private:
  struct State;
  explicit Resolver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weft::intake::dns
