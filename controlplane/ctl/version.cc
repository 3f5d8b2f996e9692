// weftctl version: of this program and of the server.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/verbs.h"

namespace weft::ctl {

void AddVersion(CLI::App& app, Action& action) {
  auto client_only = std::make_shared<bool>(false);
  CLI::App* verb = app.add_subcommand("version", "Print the versions of weftctl and of the control plane");
  verb->add_flag("--client", *client_only, "Do not ask the server");
  verb->callback([client_only, &action] {
    action = [client_only](Context& context) -> Status {
      Json document{{"client", context.version}};
      Status asked;
      if (!*client_only) {
        const Result<Json> answer = context.client.Get("/api/v1/version");
        if (answer) document["server"] = Text(*answer, "version");
        if (!answer) asked = answer.error();
      }
      if (context.structured()) {
        PrintDocument(context, document);
      } else {
        context.out << "Client version: " << context.version << "\n";
        if (document.contains("server"))
          context.out << "Server version: " << Text(document, "server") << "\n";
      }
      return asked;
    };
  });
}

}  // namespace weft::ctl
