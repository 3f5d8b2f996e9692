// A control plane that does what it is told, right or wrong: shares the protocol's messages and their
// hash with weft-control, nothing else. Prints {"port": N}, then each message of the agent as a line of JSON.
// Each line of its input is a delta for the agent that is connected:
//   STORE EPOCH REVISION full|changes [NAME=PORT]…
// NAME is a service of the namespace "default" with one instance at 127.0.0.1:PORT; port 0 makes its bundle
// invalid.
#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <sstream>

#include "common/wire/wire.h"
#include "weft/v1/mesh.grpc.pb.h"

namespace {

namespace v1 = weft::v1;
using Stream = grpc::ServerReaderWriter<v1::ControlMessage, v1::AgentMessage>;

void SetService(v1::ServiceKey& key, const std::string& name) {
  key.set_namespace_("default");
  key.set_name(name);
}

void AddService(v1::Delta& delta, const std::string& name, std::uint32_t port) {
  v1::ServiceBundle bundle;
  SetService(*bundle.mutable_key(), name);
  v1::ServicePort& http = *bundle.add_ports();
  http.set_name("http");
  http.set_port(port == 0 ? 0 : 80);
  http.set_protocol(v1::PROTOCOL_HTTP);
  v1::BundleUpdate& update = *delta.add_bundles();
  SetService(*update.mutable_service(), name);
  update.set_bundle(bundle.SerializeAsString());
  update.set_hash(weft::wire::Sha256Hex(update.bundle()));
  if (port == 0) return;
  v1::Endpoints& endpoints = *delta.add_endpoints();
  SetService(*endpoints.mutable_service(), name);
  endpoints.set_store_id(delta.version().store_id());
  endpoints.set_epoch(delta.version().epoch());
  endpoints.set_version(delta.version().revision());
  v1::Instance& instance = *endpoints.add_instances();
  instance.set_id(name + "-1");
  instance.set_address("127.0.0.1");
  instance.set_port(port);
  instance.set_weight(1);
}

bool ReadDelta(const std::string& line, v1::Delta& delta) {
  std::istringstream words(line);
  std::string store, kind, service;
  std::uint64_t epoch = 0, revision = 0;
  if (!(words >> store >> epoch >> revision >> kind)) return false;
  delta.mutable_version()->set_store_id(store);
  delta.mutable_version()->set_epoch(epoch);
  delta.mutable_version()->set_revision(revision);
  delta.set_full(kind == "full");
  while (words >> service) {
    const std::size_t equals = service.find('=');
    if (equals == std::string::npos) return false;
    AddService(delta, service.substr(0, equals),
               static_cast<std::uint32_t>(std::stoul(service.substr(equals + 1))));
  }
  return true;
}

class Scripted final : public v1::Mesh::Service {
 public:
  grpc::Status Connect(grpc::ServerContext*, Stream* stream) override {
    {
      const std::scoped_lock lock(mutex_);
      stream_ = stream;
      sequence_ = 0;
    }
    connected_.notify_all();
    v1::AgentMessage message;
    while (stream->Read(&message)) Print(message);
    const std::scoped_lock lock(mutex_);
    if (stream_ == stream) stream_ = nullptr;
    return grpc::Status::OK;
  }

  void Send(v1::Delta delta) {
    std::unique_lock lock(mutex_);
    connected_.wait(lock, [this] { return stream_ != nullptr; });
    delta.set_sequence(++sequence_);
    v1::ControlMessage message;
    *message.mutable_delta() = std::move(delta);
    stream_->Write(message);
  }

 private:
  void Print(const v1::AgentMessage& message) {
    std::string text;
    if (!google::protobuf::util::MessageToJsonString(message, &text).ok()) return;
    const std::scoped_lock lock(mutex_);
    std::cout << text << std::endl;
  }

  std::mutex mutex_;  // guards all below and the output
  std::condition_variable connected_;
  Stream* stream_ = nullptr;
  std::uint64_t sequence_ = 0;
};

}  // namespace

int main() {
  Scripted service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "{\"port\": " << port << "}" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
    v1::Delta delta;
    if (!ReadDelta(line, delta)) {
      std::cerr << "scripted-control: not STORE EPOCH REVISION full|changes [NAME=PORT]…: " << line << "\n";
      return 2;
    }
    service.Send(std::move(delta));
  }
  server->Shutdown(std::chrono::system_clock::now());
}
