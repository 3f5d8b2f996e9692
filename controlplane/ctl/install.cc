// weftctl install: the mesh's manifests for kubectl apply: the kinds, and those of deploy/k8s/base with image
// and policy as asked.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/crds.h"
#include "controlplane/ctl/install_manifest.h"
#include "controlplane/ctl/verbs.h"
#include "controlplane/ctl/yaml.h"

namespace weft::ctl {
namespace {

struct InstallArgs {
  std::string control_image = "weft/control:dev", agent_image = "weft/agent:dev",
              pull_policy = "IfNotPresent";
  bool crds_alone = false;
};

void Replace(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string CrdText() {
  std::string text = "# Weft's kinds: what `weftctl install --crds` prints.\n";
  for (const Json& crd : MakeCrds()) text += "---\n" + ToYaml(crd);
  return text;
}

}  // namespace

void AddInstall(CLI::App& app, Action& action) {
  auto args = std::make_shared<InstallArgs>();
  CLI::App* verb = app.add_subcommand("install", "Print the manifests of the mesh for kubectl apply -f -");
  verb->add_option("--control-image", args->control_image, "Image of weft-control")->capture_default_str();
  verb->add_option("--agent-image", args->agent_image, "Image of weft-agent, for injected pods")
      ->capture_default_str();
  verb->add_option("--image-pull-policy", args->pull_policy, "Always, IfNotPresent or Never")
      ->capture_default_str();
  verb->add_flag("--crds", args->crds_alone, "Only the CustomResourceDefinitions");
  verb->callback([args, &action] {
    action = [args](Context& context) -> Status {
      std::string text(kInstallManifest);
      Replace(text, "weft/control:dev", args->control_image);
      Replace(text, "weft/agent:dev", args->agent_image);
      Replace(text, "ullPolicy: IfNotPresent", "ullPolicy: " + args->pull_policy);
      context.out << CrdText();
      if (!args->crds_alone) context.out << "---\n" << text;
      return {};
    };
  });
}

}  // namespace weft::ctl
