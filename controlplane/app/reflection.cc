#include "controlplane/app/reflection.h"

#include <grpcpp/grpcpp.h>

#include "controlplane/caller/caller.h"

namespace weft::control {
namespace {

using grpc::experimental::InterceptionHookPoints;

class Guard final : public grpc::experimental::Interceptor {
 public:
  Guard(grpc::experimental::ServerRpcInfo* info, const auth::Authenticate& may_read)
      : info_(info), may_read_(may_read) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      grpc::ServerContextBase* context = info_->server_context();
      if (!may_read_(caller::CredentialsOf(*context))) context->TryCancel();
    }
    methods->Proceed();
  }

 private:
  grpc::experimental::ServerRpcInfo* info_;
  const auth::Authenticate& may_read_;
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(auth::Authenticate may_read) : may_read_(std::move(may_read)) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    const bool reflects = std::string_view(info->method()).starts_with("/grpc.reflection.");
    return reflects ? new Guard(info, may_read_) : nullptr;
  }

 private:
  const auth::Authenticate may_read_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeReflectionGuard(
    auth::Authenticate may_read) {
  return std::make_unique<Factory>(std::move(may_read));
}

}  // namespace weft::control
