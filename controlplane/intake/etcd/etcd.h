#pragma once
// Services under a prefix of etcd (keys.h): read whole, then watched from that revision on. A compaction of
// what was not seen yet, a lost leader, another member: read whole again. Endpoints are tried in turn.
//
// Thread rule: Start and the destructor from one thread; it has a thread of its own, which calls the sink.

#include <string>
#include <vector>

#include "controlplane/intake/source.h"

namespace weft::intake::etcd {

inline constexpr int kMostMessage = 64 << 20;  // bytes of one of etcd's answers

struct Tls {
  std::string ca, cert, key, server_name;  // PEM files, read with each connection; name empty: the endpoint's
};

struct Options {
  std::vector<std::string> endpoints = {"127.0.0.1:2379"};
  std::optional<Tls> tls;  // none: plain text
  std::string prefix = "/weft/";
  Duration retry_min = std::chrono::milliseconds(100), retry_max = std::chrono::seconds(10);
  Duration call_limit = std::chrono::seconds(10);  // of reading a page
  std::size_t most_keys = 110'000;                 // those beyond are left out
};

class Etcd final : public Source {
 public:
  Etcd(Sink& sink, Options options);
  ~Etcd() override;  // calls the sink no more
  Status Start() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weft::intake::etcd
