#include "controlplane/ctl/cli.h"

#include <CLI/CLI.hpp>
#include <fstream>
#include <ostream>

#include "controlplane/ctl/verbs.h"

#ifndef WEFT_VERSION
#error "WEFT_VERSION comes from controlplane/folders.cmake"
#endif

namespace weft::ctl {
namespace {

constexpr const char* kDefaultServer = "127.0.0.1:15014";

struct Globals {
  Login login;
  std::string server, token_file, ns = "default", selector, field_selector, format = "table";
  bool all_namespaces = false, one_namespace = false;
  bool recursive = false;
  bool dot = false, name = false;  // the verb has that format
};

void AddGlobals(CLI::App& app, Globals& globals) {
  app.add_option("-s,--server", globals.server,
                 "Control plane, HOST:PORT or https://HOST:PORT (WEFT_SERVER; else 127.0.0.1:15014)");
  app.add_option("--ca", globals.login.ca, "CA of an https server, PEM file (WEFT_CA; else the system's)");
  app.add_option("--cert", globals.login.cert, "Client certificate, PEM file (WEFT_CERT)");
  app.add_option("--key", globals.login.key, "Its private key, PEM file (WEFT_KEY)");
  app.add_option("--server-name", globals.login.server_name,
                 "Name that the server's certificate has; else its host");
  app.add_option("--token-file", globals.token_file,
                 "File whose first word is the bearer token (WEFT_TOKEN_FILE)");
  app.add_option("-n,--namespace", globals.ns, "Namespace of names that are written without one")
      ->capture_default_str();
  app.add_flag("-A,--all-namespaces", globals.all_namespaces, "List every namespace");
  app.add_flag("-R,--recursive", globals.recursive,
               "Of folders of documents: those in the folders in them, too");
  app.add_option("-l,--selector", globals.selector,
                 "Labels: key=value, key!=value, key in (a,b), key notin (a,b), key, !key; comma-separated");
  app.add_option("--field-selector", globals.field_selector,
                 "Fields of get: metadata.name, metadata.namespace, kind, as metadata.name=cart");
  app.add_option("-o,--output", globals.format, "table, wide, json or yaml; of get also name, of graph dot")
      ->capture_default_str();
}

void AddVerbs(CLI::App& app, Action& action) {
  for (auto add : {AddApply,   AddGet,      AddDescribe,   AddDelete,      AddDiff,      AddValidate,
                   AddAnalyze, AddHistory,  AddRollback,   AddRollout,     AddInstances, AddRegister,
                   AddDrain,   AddAgents,   AddEvents,     AddEdges,       AddGraph,     AddIssues,
                   AddInject,  AddUninject, AddInstall,    AddIdentity,    AddStat,      AddExplain,
                   AddCheck,   AddVersion,  AddCompletion, AddProxyConfig, AddSimulate,  AddReplay}) {
    add(app, action);
  }
  for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) verb->fallthrough();
}

// The first word of the file: the same file may serve weft-control, which reads a name and a role after it.
Result<std::string> ReadToken(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path);
  std::string token;
  if (!(file >> token)) {
    return Invalid("cannot read a token from it; check the file's name, permissions and content",
                   "--token-file", path);
  }
  return token;
}

Result<Send> Dial(const Globals& globals, const Environment& environment, const std::string& server) {
  const Result<std::string> token = ReadToken(globals.token_file);
  if (!token) return token.error();
  Login login = globals.login;
  login.token = *token;
  return environment.dial(server, login);
}

Client ClientFor(const Environment& environment, const std::string& address) {
  const Result<Send> send = environment.dial(address, {});
  if (send) return Client(*send, address);
  return Client([error = send.error()](const Request&) -> Result<Reply> { return error; }, address);
}

Status Perform(const Action& action, const Globals& globals, const Environment& environment,
               ExitCodes& exit) {
  const Result<Format> format = ParseFormat(globals.format);
  if (!format) return format.error();
  if (*format == Format::kDot && !globals.dot)
    return Invalid("only weftctl graph prints dot; use table, wide, json or yaml", "-o");
  if (*format == Format::kName && !globals.name)
    return Invalid("only weftctl get prints names alone; use table, wide, json or yaml", "-o");
  const Result<Send> send = Dial(globals, environment, globals.server);
  if (!send) return send.error();
  const Client client(*send, globals.server);
  Context context{.client = client,
                  .connect = [&](const std::string& address) { return ClientFor(environment, address); },
                  .out = environment.out,
                  .err = environment.err,
                  .in = environment.in,
                  .now_unix_ms = environment.now_unix_ms,
                  .pause = environment.pause,
                  .format = *format,
                  .ns = globals.ns,
                  .all_namespaces = globals.all_namespaces,
                  .one_namespace = globals.one_namespace,
                  .selector = globals.selector,
                  .field_selector = globals.field_selector,
                  .recursive = globals.recursive,
                  .version = WEFT_VERSION,
                  .exit = exit};
  return action(context);
}

void FromEnvironment(Globals& globals, const Environment& environment) {
  if (globals.server.empty()) globals.server = environment.variable("WEFT_SERVER").value_or(kDefaultServer);
  const auto fill = [&](std::string& value, const char* name) {
    if (value.empty()) value = environment.variable(name).value_or("");
  };
  fill(globals.login.ca, "WEFT_CA");
  fill(globals.login.cert, "WEFT_CERT");
  fill(globals.login.key, "WEFT_KEY");
  fill(globals.token_file, "WEFT_TOKEN_FILE");
}

}  // namespace

int Run(const std::vector<std::string>& arguments, const Environment& environment) {
  CLI::App app("weftctl: registry, rules and agents of a Weft mesh", "weftctl");
  Globals globals;
  Action action;
  app.set_version_flag("--version", WEFT_VERSION);
  app.require_subcommand(1);
  AddGlobals(app, globals);
  AddVerbs(app, action);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, environment.out, environment.err) == 0 ? 0 : 2;
  }
  FromEnvironment(globals, environment);
  globals.dot = app.got_subcommand("graph");
  globals.name = app.got_subcommand("get");
  globals.one_namespace = app.get_option("--namespace")->count() > 0 && !globals.all_namespaces;
  ExitCodes exit;
  const Status done = Perform(action, globals, environment, exit);
  if (done) return exit.success;
  if (const std::string text = done.error().Text(); !text.empty())
    environment.err << "error: " << text << "\n";
  return exit.failure;
}

}  // namespace weft::ctl
