#pragma once
// REST paths of a service's instances.

#include <string>
#include <string_view>

#include "controlplane/ctl/context.h"

namespace weft::ctl {

// "/api/v1/services/default/cart/instances"
std::string InstancesPath(const NamespacedName& service);

// "cart/cart-1" or "shop/cart/cart-1" -> the instance's path.
Result<std::string> InstancePath(const Context& context, std::string_view text);

}  // namespace weft::ctl
