#include "controlplane/app/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/grpcpp.h>

#include <set>

#include "controlplane/caller/refusal.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "weft/v1/config.grpc.pb.h"
#include "weft/v1/identity.grpc.pb.h"
#include "weft/v1/mesh.grpc.pb.h"
#include "weft/v1/registry.grpc.pb.h"
#include "weft/v1/telemetry.grpc.pb.h"

namespace weft::control {
namespace {

namespace pb = google::protobuf;
namespace alpha = grpc::reflection::v1alpha;
namespace stable = grpc::reflection::v1;

const pb::DescriptorPool& Pool() { return *pb::DescriptorPool::generated_pool(); }

void AddWithImports(const pb::FileDescriptor& file, std::set<std::string>& told,
                    pb::RepeatedPtrField<std::string>& out) {
  if (!told.insert(file.name()).second) return;
  pb::FileDescriptorProto proto;
  file.CopyTo(&proto);
  out.Add(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) AddWithImports(*file.dependency(i), told, out);
}

// Null: there is none.
const pb::FileDescriptor* FileOfExtension(const std::string& type, int number) {
  const pb::Descriptor* extended = Pool().FindMessageTypeByName(type);
  const pb::FieldDescriptor* field =
      extended == nullptr ? nullptr : Pool().FindExtensionByNumber(extended, number);
  return field == nullptr ? nullptr : field->file();
}

// Reads and writes take turns, so nothing here runs at the same time.
template <class In, class Out>
class Stream final : public grpc::ServerBidiReactor<In, Out> {
 public:
  Stream() { this->StartRead(&in_); }
  void OnReadDone(bool ok) override {
    if (!ok) return this->Finish(grpc::Status::OK);
    out_.Clear();
    out_.set_valid_host(in_.host());
    *out_.mutable_original_request() = in_;
    Answer();
    this->StartWrite(&out_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return this->Finish({grpc::StatusCode::CANCELLED, "the caller has gone"});
    this->StartRead(&in_);
  }
  void OnDone() override { delete this; }

 private:
  void Answer() {
    switch (in_.message_request_case()) {
      case In::kFileByFilename: return Tell(Pool().FindFileByName(in_.file_by_filename()));
      case In::kFileContainingSymbol:
        return Tell(Pool().FindFileContainingSymbol(in_.file_containing_symbol()));
      case In::kFileContainingExtension: {
        const auto& asked = in_.file_containing_extension();
        return Tell(FileOfExtension(asked.containing_type(), asked.extension_number()));
      }
      case In::kAllExtensionNumbersOfType: return TellExtensions(in_.all_extension_numbers_of_type());
      case In::kListServices: return TellServices();
      case In::MESSAGE_REQUEST_NOT_SET: break;
    }
    Fail(grpc::StatusCode::UNIMPLEMENTED, "this server reflection does not know that request");
  }

  void Tell(const pb::FileDescriptor* file) {
    if (file == nullptr) return Fail(grpc::StatusCode::NOT_FOUND, "no such file or symbol");
    std::set<std::string> told;
    AddWithImports(*file, told, *out_.mutable_file_descriptor_response()->mutable_file_descriptor_proto());
  }

  void TellExtensions(const std::string& type) {
    const pb::Descriptor* extended = Pool().FindMessageTypeByName(type);
    if (extended == nullptr) return Fail(grpc::StatusCode::NOT_FOUND, "no such type");
    std::vector<const pb::FieldDescriptor*> fields;
    Pool().FindAllExtensions(extended, &fields);
    auto& answer = *out_.mutable_all_extension_numbers_response();
    answer.set_base_type_name(type);
    for (const pb::FieldDescriptor* field : fields) answer.add_extension_number(field->number());
  }

  void TellServices() {
    for (const char* name :
         {v1::Registry::service_full_name(), v1::Config::service_full_name(), v1::Mesh::service_full_name(),
          v1::Identity::service_full_name(), v1::Telemetry::service_full_name(),
          alpha::ServerReflection::service_full_name(), stable::ServerReflection::service_full_name()}) {
      out_.mutable_list_services_response()->add_service()->set_name(name);
    }
  }

  void Fail(grpc::StatusCode code, const char* why) {
    out_.mutable_error_response()->set_error_code(code);
    out_.mutable_error_response()->set_error_message(why);
  }

  In in_;
  Out out_;
};

template <class Service, class In, class Out>
class Reflection final : public Service::CallbackService {
 public:
  explicit Reflection(auth::Authenticate may_read) : may_read_(std::move(may_read)) {}
  grpc::ServerBidiReactor<In, Out>* ServerReflectionInfo(grpc::CallbackServerContext* context) override {
    const auto principal = may_read_(caller::CredentialsOf(*context));
    if (!principal) return new caller::Refusal<In, Out>(principal.error());
    return new Stream<In, Out>();
  }

 private:
  const auth::Authenticate may_read_;
};

}  // namespace

std::vector<std::unique_ptr<grpc::Service>> MakeReflectionServices(const auth::Authenticate& may_read) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(std::make_unique<Reflection<alpha::ServerReflection, alpha::ServerReflectionRequest,
                                                 alpha::ServerReflectionResponse>>(may_read));
  services.push_back(std::make_unique<Reflection<stable::ServerReflection, stable::ServerReflectionRequest,
                                                 stable::ServerReflectionResponse>>(may_read));
  return services;
}

}  // namespace weft::control
