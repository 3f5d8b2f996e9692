#include "controlplane/webhook/validate.h"

#include "controlplane/api/foreign.h"
#include "controlplane/kube/object.h"

namespace weft::webhook {
namespace {

using api::At;
using api::Text;
using kube::Json;

// As the API server says it of its own checks: one cause for each field.
Json Refusal(const std::vector<Error>& problems) {
  std::string message;
  Json causes = Json::array();
  for (const Error& problem : problems) {
    message += (message.empty() ? "weft: " : "; ") + problem.field + (problem.field.empty() ? "" : ": ") +
               problem.detail;
    causes.push_back(
        {{"reason", "FieldValueInvalid"}, {"message", problem.detail}, {"field", problem.field}});
  }
  return {{"code", 422}, {"reason", "Invalid"}, {"message", message}, {"details", {{"causes", causes}}}};
}

std::vector<Error> ProblemsOf(const Json& object, resource::Kind kind, const Check& check) {
  const kube::ReadObject read = kube::Read(object, kind);
  if (read.document == nullptr) return read.problems;
  const Status status = check ? check(read.document) : Status();
  const bool bad = !status && (status.error().kind == ErrorKind::kInvalid ||
                               status.error().kind == ErrorKind::kUnsupported);
  return bad ? std::vector<Error>{status.error()} : std::vector<Error>{};
}

}  // namespace

Result<Reviewed> Validate(std::string_view body, const Check& check) {
  const Json review = Json::parse(body, nullptr, false);
  const Json& request = At(review, "request");
  const std::string uid = Text(request, "uid"), kind = Text(At(request, "kind"), "kind");
  if (uid.empty() || kind.empty()) return Invalid("the review has no uid or no kind", "request");
  Reviewed out{{}, "allowed", kind + " " + Text(request, "namespace") + "/" + Text(request, "name"), {}};
  Json response = {{"uid", uid}, {"allowed", true}};
  const Result<resource::Kind> known = resource::ParseKind(kind);
  std::vector<Error> problems;
  if (known && Text(request, "operation") != "DELETE")
    problems = ProblemsOf(At(request, "object"), *known, check);
  if (!problems.empty()) {
    response["allowed"] = false;
    response["status"] = Refusal(problems);
    out.outcome = "refused";
    out.reason = problems.front().Text();
  }
  out.body =
      Json{{"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"response", response}}.dump(
          -1, ' ', false, Json::error_handler_t::replace);
  return out;
}

}  // namespace weft::webhook
