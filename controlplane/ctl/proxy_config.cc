// weftctl proxy-config AGENT: what one agent holds of each service it uses, and what it refused.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/results.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

constexpr std::size_t kHashShown = 12;

// Of a service: why it is refused; empty: it is not.
std::string RefusalOf(const Json& config, const std::string& service) {
  for (const Json& nack : config.value("rejected", Json::array())) {
    if (Text(nack, "service") != service) continue;
    const std::string field = Text(nack, "field");
    return (field.empty() ? "" : field + ": ") + Text(nack, "reason");
  }
  return {};
}

Status RunProxyConfig(Context& context, const std::string& id) {
  const Result<Json> config = context.client.Get("/api/v1/agents/" + Escape(id) + "/config");
  if (!config) return config.error();
  if (context.structured()) {
    PrintDocument(context, *config);
    return {};
  }
  const Json agent = config->value("agent", Json::object());
  const Json held = agent.value("held", Json::object());
  context.out << "agent " << Text(agent, "id") << "\n";
  PrintField(context.out, "revision", Text(held, "revision"));
  PrintField(context.out, "store", Text(held, "storeId"));
  PrintField(context.out, "refused", Text(*config, "refused"));
  Table table({{"SERVICE"}, {"BUNDLE"}, {"ENDPOINTS"}, {"REFUSED"}});
  for (const Json& bundle : config->value("bundles", Json::array())) {
    const std::string service = Text(bundle, "service"), hash = Text(bundle, "hash");
    table.Add({service, context.format == Format::kWide ? hash : hash.substr(0, kHashShown),
               Text(bundle, "endpointsVersion"), RefusalOf(*config, service)});
  }
  if (table.empty()) {
    context.out << "It uses no service.\n";
  } else {
    context.out << table.Text();
  }
  return {};
}

}  // namespace

void AddProxyConfig(CLI::App& app, Action& action) {
  auto id = std::make_shared<std::string>();
  CLI::App* verb =
      app.add_subcommand("proxy-config", "Print what an agent holds of each service, and what it refused");
  verb->add_option("agent", *id, "As `weftctl agents` prints it")->required();
  verb->callback([id, &action] { action = [id](Context& context) { return RunProxyConfig(context, *id); }; });
}

}  // namespace weft::ctl
