#pragma once
// Services by names of DNS: SRV records (with the addresses of their targets), or A and AAAA with a port.
// Each name is asked again when the shortest time to live of its answer is over. Of SRV the records of the
// lowest priority are used, weights as they are (zero counts as one, for zero would be drained).
//
// DNS has no identity for an instance and reuses addresses. An id is therefore "IP:PORT@SECONDS", the time
// when the address appeared: what went and came back is another instance, and no ejection or breaker of the
// one before sticks to it. `known` ids survive a restart. A name that has no records any more is asked once
// more before that is believed; a server that fails or is silent is no answer.
//
// Thread rule: everything, construction too, on the one thread that runs the context.

#include <boost/asio/io_context.hpp>

#include "controlplane/intake/dns/resolver.h"
#include "controlplane/intake/source.h"
#include "weft/v1/registry.pb.h"

namespace weft::intake::dns {

struct Name {
  v1::Service service;  // namespace, name, one port
  std::string host;     // of SRV or address records
  bool srv = false;
  std::uint16_t port = 0;  // of the instances, unless srv
};

struct Options {
  ResolverOptions resolver;
  std::vector<Name> names;
  Duration min_ttl = std::chrono::seconds(1), max_ttl = std::chrono::minutes(5);
  Duration retry_min = std::chrono::seconds(1), retry_max = std::chrono::seconds(15);
  std::map<ServiceKey, std::vector<v1::Instance>> known;  // of before, for their ids
  std::function<WallTime()> wall_clock = ReadWallClock;
};

class Dns final : public Source {
 public:
  Dns(boost::asio::io_context& context, Sink& sink, Options options);
  ~Dns() override;  // calls the sink no more
  Status Start() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::intake::dns
