// weftctl identity [show | roots | rotate | create-token SERVICE | tokens | revoke-token ID | revoke WHOM |
// revocations | take-back ID]: the mesh's CA.
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
  const auto uses = [](const Json& token) {
    const std::string most = Text(token, "mostUses");
    return Text(token, "uses") + (most.empty() || most == "0" ? "" : " of " + most);
  };
  for (const Json& token : items) {
    table.Add({Text(token, "id"), Text(token, "namespace") + "/" + Text(token, "service"),
               Text(token, "node"), Text(token, "state"), Text(token, "expires"), uses(token),
               Text(token, "creator")});
  }
  PrintList(context, items, table);
  return {};
}

struct TokenArgs {
  std::string service, node, ttl, id;
  std::uint64_t uses = 0;  // zero: no bound
};

// The token alone on standard output, so that it can go into a file; the rest for the reader.
Status CreateToken(Context& context, const TokenArgs& args) {
  const NamespacedName name = SplitName(context, args.service);
  Json body{{"namespace", name.ns}, {"service", name.name}};
  if (!args.node.empty()) body["node"] = args.node;
  if (!args.ttl.empty()) body["ttl"] = args.ttl;
  if (args.uses != 0) body["uses"] = args.uses;
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

struct RevokeArgs {
  std::string whom, serial, reason, id;
};

// "spiffe://…" as it is; a service by the mesh's trust domain.
Result<std::string> SpiffeOf(Context& context, const std::string& whom) {
  if (whom.starts_with("spiffe://")) return whom;
  const Result<Json> state = context.client.Get(kPath);
  if (!state) return state.error();
  const NamespacedName name = SplitName(context, whom);
  return "spiffe://" + Text(*state, "trustDomain") + "/ns/" + name.ns + "/sa/" + name.name;
}

Status Revoke(Context& context, const RevokeArgs& args) {
  if (args.whom.empty() == args.serial.empty())
    return Invalid("say whose certificates: weftctl identity revoke SERVICE, or one: --serial HEX");
  Json body{{"reason", args.reason}};
  if (!args.serial.empty()) {
    body["serial"] = args.serial;
  } else {
    const Result<std::string> spiffe = SpiffeOf(context, args.whom);
    if (!spiffe) return spiffe.error();
    body["spiffe"] = *spiffe;
  }
  const Result<Json> done =
      context.client.Post(std::string(kPath) + "/revocations", body.dump(), "application/json");
  if (!done) return done.error();
  if (context.structured()) {
    PrintDocument(context, *done);
    return {};
  }
  const std::string serial = Text(*done, "serial");
  context.out << (serial.empty() ? "the certificates of " + Text(*done, "spiffe") + " until now are"
                                 : "the certificate " + serial + " is")
              << " revoked (" << Text(*done, "id") << ")\n";
  return {};
}

Status ListRevocations(Context& context) {
  const Result<Json> answer = context.client.Get(std::string(kPath) + "/revocations");
  if (!answer) return answer.error();
  const std::vector<Json> items = Items(*answer);
  Table table({{"ID"}, {"SERIAL"}, {"ALL OF"}, {"SINCE"}, {"BY"}, {"REASON"}});
  for (const Json& one : items) {
    table.Add({Text(one, "id"), Text(one, "serial"), Text(one, "spiffe"), Text(one, "created"),
               Text(one, "creator"), Text(one, "reason")});
  }
  PrintList(context, items, table);
  return {};
}

Status TakeBack(Context& context, const RevokeArgs& args) {
  const Result<Json> done = context.client.Delete(std::string(kPath) + "/revocations/" + Escape(args.id));
  if (!done) return done.error();
  context.out << "revocation \"" << args.id << "\" taken back\n";
  return {};
}

template <class Add>
void AddRevoking(const Add& add) {
  auto args = std::make_shared<RevokeArgs>();
  CLI::App* revoke =
      add("revoke", "Refuse a service's certificates issued until now, and its join tokens; or one",
          [args](Context& context) { return Revoke(context, *args); });
  revoke->add_option("whom", args->whom, "NAME, NAMESPACE/NAME or spiffe://…");
  revoke->add_option("--serial", args->serial,
                     "One certificate, as `weftctl agents -o json` or openssl prints it");
  revoke->add_option("--reason", args->reason, "For readers; up to 256 bytes");
  add("revocations", "Print what is revoked", ListRevocations);
  CLI::App* back = add("take-back", "Take certificates again that were revoked",
                       [args](Context& context) { return TakeBack(context, *args); });
  back->add_option("id", args->id, "As `weftctl identity revocations` prints it")->required();
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
  create->add_option("--uses", args->uses, "Certificates that it is good for (no bound)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}));
  CLI::App* revoke = add("revoke-token", "End a token; certificates obtained with it stay good",
                         [args](Context& context) { return RevokeToken(context, *args); });
  revoke->add_option("id", args->id, "As `weftctl identity tokens` prints it")->required();
  AddRevoking(add);
  verb->callback([verb, &action] {
    if (verb->get_subcommands().empty()) action = Show;
  });
}

}  // namespace weft::ctl
