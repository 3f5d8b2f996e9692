// weftctl identity [show | roots | rotate | create-token SERVICE | tokens | revoke-token ID]: the mesh's CA.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

constexpr const char* kPath = "/api/v1/identity";

void PrintState(Context& context, const Json& state) {
  if (context.structured()) return PrintDocument(context, state);
  context.out << "trust domain: " << Text(state, "trustDomain")
              << "\ncertificates: " << Text(state, "certificateLifetime") << ", " << Text(state, "joins")
              << " joined, " << Text(state, "renewals") << " renewed, " << Text(state, "refused")
              << " refused\n";
  Table table({{"ROOT"}, {"STATE"}, {"ISSUES FROM"}, {"ENDS"}, {"TRUSTED UNTIL"}, {"CA"}});
  for (const Json& root : state.value("roots", Json::array())) {
    table.Add({Text(root, "fingerprint").substr(0, 16), Text(root, "state"), Text(root, "issuesFrom"),
               Text(root, "notAfter"), Text(root, "trustedUntil"),
               Text(root, "external") == "true" ? "external" : "own"});
  }
  context.out << table.Text();
}

Status Show(Context& context) {
  const Result<Json> state = context.client.Get(kPath);
  if (!state) return state.error();
  PrintState(context, *state);
  return {};
}

Status Roots(Context& context) {
  const Result<Json> state = context.client.Get(kPath);
  if (!state) return state.error();
  context.out << Text(*state, "rootsPem");
  return {};
}

Status Rotate(Context& context) {
  const Result<Json> state = context.client.Post(std::string(kPath) + "/roots:rotate", {}, {});
  if (!state) return state.error();
  PrintState(context, *state);
  return {};
}

Status ListTokens(Context& context) {
  context.all_namespaces = !context.one_namespace;
  const Result<Json> answer = context.client.Get(OfMesh(context, std::string(kPath) + "/tokens"));
  if (!answer) return answer.error();
  const std::vector<Json> items = Items(*answer);
  Table table({{"ID"}, {"SERVICE"}, {"NODE"}, {"STATE"}, {"EXPIRES"}, {"USES"}, {"BY"}});
  for (const Json& token : items) {
    table.Add({Text(token, "id"), Text(token, "namespace") + "/" + Text(token, "service"),
               Text(token, "node"), Text(token, "state"), Text(token, "expires"), Text(token, "uses"),
               Text(token, "creator")});
  }
  PrintList(context, items, table);
  return {};
}

struct TokenArgs {
  std::string service, node, ttl, id;
};

// The token alone on standard output, so that it can go into a file; the rest for the reader.
Status CreateToken(Context& context, const TokenArgs& args) {
  const NamespacedName name = SplitName(context, args.service);
  Json body{{"namespace", name.ns}, {"service", name.name}};
  if (!args.node.empty()) body["node"] = args.node;
  if (!args.ttl.empty()) body["ttl"] = args.ttl;
  const Result<Json> token =
      context.client.Post(std::string(kPath) + "/tokens", body.dump(), "application/json");
  if (!token) return token.error();
  if (context.structured()) {
    PrintDocument(context, *token);
    return {};
  }
  context.out << Text(*token, "token") << "\n";
  context.err << "join token " << Text(*token, "id") << " for " << name.ns << "/" << name.name << ", until "
              << Text(*token, "expires") << "; it is not shown again\n";
  return {};
}

Status RevokeToken(Context& context, const TokenArgs& args) {
  const Result<Json> done = context.client.Delete(std::string(kPath) + "/tokens/" + Escape(args.id));
  if (!done) return done.error();
  context.out << "join token \"" << args.id << "\" revoked\n";
  return {};
}

}  // namespace

void AddIdentity(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("identity", "The mesh's CA: its roots, and tokens to join with");
  verb->require_subcommand(0, 1);
  auto args = std::make_shared<TokenArgs>();
  const auto add = [&](const char* name, const char* about, Action does) {
    CLI::App* sub = verb->add_subcommand(name, about);
    sub->fallthrough();
    sub->callback([does = std::move(does), &action] { action = does; });
    return sub;
  };
  add("show", "Print the roots and what was issued (the default)", Show);
  add("roots", "Print the roots as PEM: what agents and users are given as CA", Roots);
  add("rotate", "Add a root; it issues after the lead, the one before stays trusted meanwhile", Rotate);
  add("tokens", "Print the join tokens, without their secrets", ListTokens);
  CLI::App* create = add("create-token", "Make a token with which an agent of a service joins",
                         [args](Context& context) { return CreateToken(context, *args); });
  create->add_option("service", args->service, "NAME or NAMESPACE/NAME that its bearer is")->required();
  create->add_option("--node", args->node, "The only node.id that may use it");
  create->add_option("--ttl", args->ttl, "1s to 720h (1h)");
  CLI::App* revoke = add("revoke-token", "End a token; certificates obtained with it stay good",
                         [args](Context& context) { return RevokeToken(context, *args); });
  revoke->add_option("id", args->id, "As `weftctl identity tokens` prints it")->required();
  verb->callback([verb, &action] {
    if (verb->get_subcommands().empty()) action = Show;
  });
}

}  // namespace weft::ctl
