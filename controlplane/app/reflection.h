#pragma once
// gRPC's own reflection service knows no callers: calls of those who may not read are ended (CANCELLED).

#include <grpcpp/support/server_interceptor.h>

#include "controlplane/auth/auth.h"

namespace weft::control {

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeReflectionGuard(
    auth::Authenticate may_read);

}  // namespace weft::control
