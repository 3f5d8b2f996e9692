#include "controlplane/webhook/review.h"

#include "controlplane/kube/base64.h"

namespace weft::webhook {
namespace {

using inject::Json;

std::string TextAt(const Json& json, const char* key) {
  if (!json.is_object()) return {};
  const auto found = json.find(key);
  return found == json.end() || !found->is_string() ? std::string() : found->get<std::string>();
}

std::string NameOf(const Json& pod) {
  if (!pod.contains("metadata")) return "pod";
  const std::string name = TextAt(pod["metadata"], "name");
  return name.empty() ? TextAt(pod["metadata"], "generateName") : name;
}

}  // namespace

Result<Reviewed> Review(std::string_view body, bool enabled, const inject::Settings& settings) {
  const Json review = Json::parse(body, nullptr, false);
  if (!review.is_object() || !review.contains("request") || !review["request"].is_object())
    return Invalid("the body is no AdmissionReview with a request");
  const Json& request = review["request"];
  const std::string uid = TextAt(request, "uid"), ns = TextAt(request, "namespace");
  if (uid.empty() || !request.contains("object") || !request["object"].is_object())
    return Invalid("the review has no uid or no object", "request");
  const Json& pod = request["object"];
  Json response = {{"uid", uid}, {"allowed", true}};
  Reviewed out{{}, "skipped", ns + "/" + NameOf(pod), {}};
  Result<inject::Injection> done = inject::Inject(pod, ns, enabled, settings);
  if (!done) {
    response["allowed"] = false;
    response["status"] = {{"code", 422}, {"reason", "Invalid"}, {"message", "weft: " + done.error().Text()}};
    out.outcome = "refused";
    out.reason = done.error().Text();
  } else {
    if (!done->warnings.empty()) response["warnings"] = done->warnings;
    if (done->injected) {
      out.outcome = "injected";
      if (const Json patch = inject::Patch(pod, done->pod); !patch.empty()) {
        response["patchType"] = "JSONPatch";
        response["patch"] = kube::ToBase64(patch.dump());
      }
    }
    out.reason = done->reason;
  }
  out.body =
      Json{{"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"response", response}}.dump();
  return out;
}

}  // namespace weft::webhook
