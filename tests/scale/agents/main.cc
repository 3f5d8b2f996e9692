// Thousands of simulated agents for one control plane on loopback (fleet.h); scripts beside this folder drive
// it.
#include <CLI/CLI.hpp>
#include <csignal>

#include "tests/scale/agents/fleet.h"

namespace {

SSL_CTX* ReadTls(const std::string& ca, const std::string& cert, const std::string& key) {
  SSL_CTX* const tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_read_ahead(tls, 1);
  SSL_CTX_set1_groups_list(tls, "P-256");  // as gRPC's client, which is an agent's; its server knows no other
  SSL_CTX_set_mode(
      tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  static const unsigned char kAlpn[] = "\x02h2";
  SSL_CTX_set_alpn_protos(tls, kAlpn, sizeof kAlpn - 1);
  const bool read = SSL_CTX_load_verify_locations(tls, ca.c_str(), nullptr) == 1 &&
                    (cert.empty() || (SSL_CTX_use_certificate_chain_file(tls, cert.c_str()) == 1 &&
                                      SSL_CTX_use_PrivateKey_file(tls, key.c_str(), SSL_FILETYPE_PEM) == 1));
  if (read) return tls;
  std::fprintf(stderr, "scale-agents: the certificate files cannot be read\n");
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  weft::scale::FleetOptions options;
  std::string ca, cert, key, token;
  CLI::App app("Simulated agents for one weft-control on 127.0.0.1; takes commands on standard input");
  app.add_option("--port", options.target.port, "of its gRPC listener")->required();
  app.add_option("--ca", ca, "PEM file; without it: plain text");
  app.add_option("--cert", cert, "PEM file that every agent shows");
  app.add_option("--key", key, "its key");
  app.add_option("--server-name", options.target.server_name, "that its certificate must have");
  app.add_option("--token", token, "bearer token");
  app.add_option("--services", options.services, "s0 to s(N-1)");
  app.add_option("--subscriptions", options.subscriptions, "of each agent");
  app.add_option("--users-of-s1", options.users_of_s1);
  app.add_option("--users-of-s2", options.users_of_s2);
  app.add_option("--service", options.service, "of which every agent is an instance");
  CLI11_PARSE(app, argc, argv);
  if (!ca.empty()) options.target.tls = ReadTls(ca, cert, key);
  if (options.target.server_name.empty()) options.target.server_name = "localhost";
  if (!token.empty()) options.target.authorization = "Bearer " + token;
  std::signal(SIGPIPE, SIG_IGN);
  weft::scale::Fleet fleet(std::move(options));
  fleet.Run();
}
