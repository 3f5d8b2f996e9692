#pragma once
// How a stream is refused before it begins.

#include <grpcpp/grpcpp.h>

#include "controlplane/caller/caller.h"

namespace weft::caller {

template <class In, class Out>
class Refusal final : public grpc::ServerBidiReactor<In, Out> {
 public:
  explicit Refusal(const Error& error) { this->Finish(ToGrpcStatus(error)); }
  void OnDone() override { delete this; }
};

}  // namespace weft::caller
