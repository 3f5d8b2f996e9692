// weftctl register SERVICE ID --address A --port N: adds or renews one instance of the registry.
#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <ostream>

#include "common/net/address.h"
#include "controlplane/ctl/input.h"
#include "controlplane/ctl/instance_path.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct RegisterArgs {
  std::string service, id, address, ttl, zone;
  std::uint16_t port = 0;
  std::uint32_t weight = 1;
  std::vector<std::string> ports, labels;
  bool meshed = false, http2 = false, mtls = false, dry_run = false;
};

Result<std::pair<std::string, std::string>> SplitPair(const std::string& text, const std::string& option) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) return Invalid("'" + text + "' is not KEY=VALUE", option);
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Result<Json> InstanceBody(const RegisterArgs& args) {
  const Result<net::Ip> ip = net::Ip::Parse(args.address);
  if (!ip)
    return Invalid("'" + args.address + "' is not an IP address; names are not resolved here", "--address");
  if (args.port == 0 && args.ports.empty())
    return Invalid("give --port N, or --ports NAME=N for several", "--port");
  Json body{{"id", args.id}, {"address", ip->ToString()}, {"weight", args.weight}};
  if (args.port != 0) body["port"] = args.port;
  for (const std::string& text : args.ports) {
    const auto pair = SplitPair(text, "--ports");
    if (!pair) return pair.error();
    const Result<std::uint16_t> port = net::ParsePort(pair->second);
    if (!port) return Invalid(port.error().detail, "--ports");
    body["ports"][pair->first] = *port;
    if (!body.contains("port")) body["port"] = *port;  // of ports that have no name of their own here
  }
  for (const std::string& text : args.labels) {
    const auto pair = SplitPair(text, "--label");
    if (!pair) return pair.error();
    body["labels"][pair->first] = pair->second;
  }
  if (!args.zone.empty()) body["zone"] = args.zone;
  if (!args.ttl.empty()) body["ttl"] = args.ttl;
  if (args.meshed) body["capabilities"]["meshed"] = true;
  if (args.http2) body["capabilities"]["http2"] = true;
  if (args.mtls) body["capabilities"]["mtls"] = true;
  return Result<Json>(boost::system::in_place_value, std::move(body));
}

Status RunRegister(Context& context, const RegisterArgs& args) {
  const Result<Json> body = InstanceBody(args);
  if (!body) return body.error();
  const std::string path = InstancesPath(SplitName(context, args.service)) + "/" + Escape(args.id) +
                           (args.dry_run ? "?dryRun=true" : "");
  const Result<Json> answer = context.client.Put(path, *body);
  if (!answer) return answer.error();
  if (context.structured()) {
    PrintDocument(context, *answer);
  } else {
    context.out << "instance \"" << args.service << "/" << args.id << "\" registered"
                << (args.dry_run ? " (dry run)" : "") << "\n";
  }
  return {};
}

}  // namespace

void AddRegister(CLI::App& app, Action& action) {
  auto args = std::make_shared<RegisterArgs>();
  CLI::App* verb =
      app.add_subcommand("register", "Add an instance to a service of the registry, or renew it");
  verb->add_option("service", args->service, "[NAMESPACE/]SERVICE")->required();
  verb->add_option("id", args->id, "The instance's own name; never reused for another")->required();
  verb->add_option("--address", args->address, "IP address")->required();
  verb->add_option("--port", args->port, "Port that serves every port of the service");
  verb->add_option("--ports", args->ports, "NAME=PORT for each named port")->delimiter(',');
  verb->add_option("--weight", args->weight, "Share of traffic; 0 drains it")->capture_default_str();
  verb->add_option("--zone", args->zone, "Zone it runs in");
  verb->add_option("--label", args->labels, "KEY=VALUE; may be repeated");
  verb->add_option("--ttl", args->ttl,
                   "Lease, such as 30s; without heartbeats it lapses. Empty: the server's default");
  verb->add_flag("--meshed", args->meshed, "A weft-agent stands before it");
  AddDryRun(*verb, args->dry_run);
  verb->add_flag("--http2", args->http2, "It speaks HTTP/2");
  verb->add_flag("--mtls", args->mtls, "The weft-agent before it has an identity: mutual TLS is possible");
  verb->callback(
      [args, &action] { action = [args](Context& context) { return RunRegister(context, *args); }; });
}

}  // namespace weft::ctl
