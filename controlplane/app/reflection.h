#pragma once
// gRPC's server reflection (v1 and v1alpha) for those who may read: gRPC's own plugin knows no callers, and
// can refuse one only by cancelling, which no client explains. Others' calls end UNAUTHENTICATED or
// PERMISSION_DENIED. Thread rule: gRPC's threads call in; nothing changes after the start.

#include <memory>
#include <vector>

#include "controlplane/auth/auth.h"

namespace grpc {
class Service;
}

namespace weft::control {

std::vector<std::unique_ptr<grpc::Service>> MakeReflectionServices(const auth::Authenticate& may_read);

}  // namespace weft::control
