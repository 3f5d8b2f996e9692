#include "controlplane/ctl/instance_path.h"

namespace weft::ctl {

std::string InstancesPath(const NamespacedName& service) {
  return "/api/v1/services/" + Escape(service.ns) + "/" + Escape(service.name) + "/instances";
}

Result<std::string> InstancePath(const Context& context, std::string_view text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) {
    return Invalid("'" + std::string(text) + "' names no instance; write [NAMESPACE/]SERVICE/ID");
  }
  return InstancesPath(SplitName(context, text.substr(0, slash))) + "/" + Escape(text.substr(slash + 1));
}

}  // namespace weft::ctl
