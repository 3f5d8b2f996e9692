#include "controlplane/api/describe.h"

#include "common/wire/wire.h"

namespace weft::api {

store::Key KeyOfDocument(const resource::Document& document) {
  return {std::string(resource::ToString(document.kind)), document.metadata.ns, document.metadata.name};
}

Error FromFinding(const compile::Finding& finding) {
  Error error{ErrorKind::kInvalid, finding.message, finding.field, finding.where};
  if (error.where.empty()) error.where = finding.resource;
  return error;
}

Error Combined(const std::vector<Error>& errors) {
  Error error = errors.front();
  if (errors.size() > 1) error.detail += " (and " + std::to_string(errors.size() - 1) + " more)";
  return error;
}

Result<snapshot::Instance> CheckInstance(const ServiceKey& service, const v1::Instance& proto) {
  v1::Endpoints endpoints;
  *endpoints.mutable_service() = wire::ToProto(service);
  *endpoints.add_instances() = proto;
  auto read = wire::FromProto(endpoints);
  if (!read) {
    Error error = read.error();
    static constexpr std::string_view kPrefix = "instances[0].";
    if (error.field.starts_with(kPrefix)) error.field.erase(0, kPrefix.size());
    return error;
  }
  return read->endpoints->instances.front();
}

v1::Finding ToProto(const compile::Finding& finding) {
  v1::Finding out;
  out.set_error(finding.error);
  out.set_code(finding.code);
  out.set_resource(finding.resource);
  out.set_field(finding.field);
  out.set_where(finding.where);
  out.set_message(finding.message);
  return out;
}

v1::Revision ToProto(const store::Revision& revision) {
  v1::Revision out;
  out.set_revision(revision.revision);
  out.set_at_unix_ms(revision.at_unix_ms);
  out.set_principal(revision.principal);
  for (const store::Key& key : revision.changed) out.add_resources(key.ToString());
  const std::size_t more = revision.changed.size() - std::min<std::size_t>(revision.changed.size(), 1);
  if (!revision.changed.empty()) {
    out.set_summary(revision.changed.front().ToString() +
                    (more == 0 ? "" : " and " + std::to_string(more) + " more"));
  }
  return out;
}

store::Key MeshServiceKey(const std::string& ns, const std::string& name) {
  return {"MeshService", ns, name};
}

Error NoService(const std::string& ns, const std::string& name) {
  return {
      ErrorKind::kNotFound, "there is no service " + ns + "/" + name + "; apply a MeshService first", {}, {}};
}

v1::Resource ResourceProto(const store::Key& key, const std::string& json, const std::string& owner,
                           std::uint64_t revision) {
  v1::Resource out;
  out.set_kind(key.kind);
  out.set_namespace_(key.ns);
  out.set_name(key.name);
  out.set_json(json);
  out.set_etag(std::to_string(revision));
  out.set_revision(revision);
  out.set_source(owner);
  return out;
}

v1::Resource ToProto(const store::Resource& resource) {
  return ResourceProto(resource.key, resource.json, resource.owner, resource.revision);
}

Result<resource::DocumentPtr> ParseStored(const store::Resource& stored) {
  auto parsed = resource::ParseDocuments(stored.json, "");
  if (parsed.ok() && parsed.documents.size() == 1) return parsed.documents.front();
  Error error =
      parsed.ok() ? Error{ErrorKind::kInternal, "it is no single document", {}, {}} : parsed.errors.front();
  error.where = "stored " + stored.key.ToString();
  return error;
}

}  // namespace weft::api
