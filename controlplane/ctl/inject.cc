// weftctl inject -f FILE|-: manifests with the sidecar in every pod they make; uninject takes it out again.
// Offline.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "controlplane/ctl/input.h"
#include "controlplane/ctl/manifest.h"
#include "controlplane/ctl/verbs.h"
#include "controlplane/inject/inject.h"

namespace weft::ctl {
namespace {

struct InjectArgs {
  std::vector<std::string> files;
  inject::Settings settings;
  bool without_native = false, without_token = false;
};

std::string ManifestName(const Json& object) {
  std::string kind = Text(object, "kind");
  std::transform(kind.begin(), kind.end(), kind.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return kind + " \"" + (object.contains("metadata") ? Text(object["metadata"], "name") : "") + "\"";
}

std::string NamespaceOf(const Json& object, const Context& context) {
  const std::string ns = object.contains("metadata") ? Text(object["metadata"], "namespace") : "";
  return ns.empty() ? context.ns : ns;
}

// What is in a List, or the object itself.
Status Each(Json& object, const std::function<Status(Json&)>& work) {
  if (!object.is_object() || !Text(object, "kind").ends_with("List") || !object.contains("items") ||
      !object["items"].is_array())
    return work(object);
  for (Json& item : object["items"]) {
    if (const Status done = work(item); !done) return done;
  }
  return {};
}

Status InjectOne(Context& context, const InjectArgs& args, Json& object) {
  Json* pod = inject::PodOf(object);
  if (pod == nullptr) {
    context.err << ManifestName(object) << " skipped\n";
    return {};
  }
  Result<inject::Injection> done = inject::Inject(*pod, NamespaceOf(object, context), true, args.settings);
  if (!done) return Invalid(done.error().detail, done.error().field, ManifestName(object));
  for (const std::string& warning : done->warnings)
    context.err << "warning: " << ManifestName(object) << ": " << warning << "\n";
  context.err << ManifestName(object) << (done->injected ? " injected" : " skipped: " + done->reason) << "\n";
  *pod = std::move(done->pod);
  return {};
}

Status UninjectOne(Context& context, Json& object) {
  Json* pod = inject::PodOf(object);
  Json before = pod == nullptr ? Json() : inject::Uninject(*pod);
  const bool changed = pod != nullptr && before != *pod;
  if (changed) *pod = std::move(before);
  context.err << ManifestName(object) << (changed ? " uninjected" : " skipped") << "\n";
  return {};
}

Status Rewrite(Context& context, const std::vector<std::string>& files,
               const std::function<Status(Json&)>& work) {
  const Result<std::vector<InputFile>> inputs = ReadInputs(context, files);
  if (!inputs) return inputs.error();
  std::string out;
  for (const InputFile& file : *inputs) {
    Result<std::vector<Json>> objects = ReadManifests(file.text, file.name);
    if (!objects) return objects.error();
    for (Json& object : *objects) {
      if (const Status done = Each(object, work); !done) return done;
      if (context.format == Format::kJson)
        out += object.dump(2) + "\n";
      else
        out += (out.empty() ? "" : "---\n") + ToYaml(object);
    }
  }
  context.out << out;
  return {};
}

}  // namespace

void AddInject(CLI::App& app, Action& action) {
  auto args = std::make_shared<InjectArgs>();
  CLI::App* verb =
      app.add_subcommand("inject", "Put the sidecar into the pods of manifests, as the webhook would");
  verb->add_option("-f,--filename,files", args->files, "Files or folders; - reads standard input")
      ->required();
  verb->add_option("--image", args->settings.image, "Image of the agent")->capture_default_str();
  verb->add_option("--image-pull-policy", args->settings.pull_policy, "Always, IfNotPresent or Never")
      ->capture_default_str();
  verb->add_option("--control-plane", args->settings.control_plane, "HOST:PORT of weft-control")
      ->capture_default_str();
  verb->add_option("--skip-subnets", args->settings.skip_subnets,
                   "Of every pod: destinations that pass the agent");
  verb->add_flag("--no-native-sidecar", args->without_native, "For Kubernetes before 1.29");
  verb->add_flag("--no-token", args->without_token, "Show no service account to the control plane");
  verb->callback([args, &action] {
    args->settings.native_sidecar = args->settings.sleep_action = !args->without_native;
    args->settings.token = !args->without_token;
    action = [args](Context& context) {
      return Rewrite(context, args->files, [&](Json& object) { return InjectOne(context, *args, object); });
    };
  });
}

void AddUninject(CLI::App& app, Action& action) {
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("uninject", "Take the sidecar out of manifests again");
  verb->add_option("-f,--filename,files", *files, "Files or folders; - reads standard input")->required();
  verb->callback([files, &action] {
    action = [files](Context& context) {
      return Rewrite(context, *files, [&](Json& object) { return UninjectOne(context, object); });
    };
  });
}

}  // namespace weft::ctl
