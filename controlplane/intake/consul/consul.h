#pragma once
// Services of a Consul: its catalog, and the health of each service, by blocking queries. An index that goes
// back (a server was restored, a new cluster) begins anew without forgetting anything; what is told is always
// the whole picture. The catalog's query says whether Consul is there; a service whose own query fails keeps
// its last known instances.
//
// Bounds: `most_services`, one connection each (a Consul agent takes 200 from one client,
// limits.http_max_conns_per_client); 16 MiB an answer. Thread rule: everything, construction too, on the one
// thread that runs the context.

#include <boost/asio/io_context.hpp>

#include "common/http/tls/context.h"
#include "controlplane/intake/consul/mapping.h"
#include "controlplane/intake/source.h"

namespace weft::intake::consul {

struct Options {
  net::HostPort address{"127.0.0.1", 8500};
  http::tls::ContextPtr tls;  // null: plain text
  std::string server_name;    // that the certificate must have; empty: the address's host
  std::string token_file;     // read with each request; empty: none
  std::string datacenter;     // empty: the agent's
  std::string tag;            // only services with it; empty: all
  Defaults defaults;
  Duration wait = std::chrono::seconds(30);  // of a blocking query; also how soon a silent server is noticed
  Duration retry_min = std::chrono::milliseconds(250), retry_max = std::chrono::seconds(15);
  std::size_t most_services = 128;
};

class Consul final : public Source {
 public:
  Consul(boost::asio::io_context& context, Sink& sink, Options options);
  ~Consul() override;  // calls the sink no more
  Status Start() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::intake::consul
