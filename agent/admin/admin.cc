#include "agent/admin/admin.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "agent/admin/pages.h"

namespace weft::admin {
namespace {

using http::Reply;
using http::Request;
using http::Response;
using ProvidersPtr = std::shared_ptr<const Providers>;

constexpr std::size_t kMostRecords = 1000;

Response JsonResponse(const nlohmann::json& json, int status = 200) {
  Response response;
  response.status = status;
  // What clients chose may be no UTF-8; it must not take the page down.
  response.body = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return response;
}

Response Done(std::string_view what) { return JsonResponse({{"status", what}}); }

Response Missing(std::string_view page) {
  return http::ErrorResponse(
      {ErrorKind::kUnsupported, std::string(page) + " is not available in this agent", {}, {}});
}

// Answers with what `page` makes of the state of all workers.
template <class Page>
void WithStatus(const ProvidersPtr& providers, Reply reply, Page page) {
  if (!providers->gather) return reply(Missing("the state of the workers"));
  providers->gather([providers, reply = std::move(reply), page](report::AgentStatus status) {
    auto shared = std::make_shared<report::AgentStatus>(std::move(status));
    providers->post([reply, page, shared] { reply(page(*shared)); });
  });
}

Response RecordsResponse(const Records& records) {
  Response response;
  response.body = "{\"records\": [";
  for (std::size_t i = 0; i < records.size(); ++i) response.body += (i == 0 ? "\n" : ",\n") + records[i];
  response.body += "\n]}\n";
  return response;
}

void Root(const ProvidersPtr&, const Request&, Reply reply);

void Config(const ProvidersPtr& providers, const Request&, Reply reply) {
  if (!providers->config) return reply(Missing("/config"));
  Response response;
  response.body = providers->config();
  reply(std::move(response));
}

void SnapshotOf(const ProvidersPtr& providers, const Request&, Reply reply) {
  const snapshot::SnapshotPtr snapshot = providers->snapshot ? providers->snapshot() : nullptr;
  if (snapshot == nullptr) {
    return reply(http::ErrorResponse({ErrorKind::kUnavailable, "no configuration has arrived yet", {}, {}}));
  }
  reply(JsonResponse(SnapshotPage(*snapshot)));
}

void Instances(const ProvidersPtr& providers, const Request&, Reply reply) {
  WithStatus(providers, std::move(reply),
             [](const auto& status) { return JsonResponse(InstancesPage(status)); });
}

void Circuits(const ProvidersPtr& providers, const Request&, Reply reply) {
  WithStatus(providers, std::move(reply),
             [](const auto& status) { return JsonResponse(CircuitsPage(status)); });
}

void Pools(const ProvidersPtr& providers, const Request&, Reply reply) {
  WithStatus(providers, std::move(reply), [](const auto& status) { return JsonResponse(PoolsPage(status)); });
}

void Stats(const ProvidersPtr& providers, const Request& request, Reply reply) {
  const std::string id(request.Header("x-request-id"));
  WithStatus(providers, std::move(reply), [providers, id](const report::AgentStatus& status) {
    return JsonResponse(
        HealthStats(status, {providers->service, id, providers->now(), providers->wall_minus_monotonic}));
  });
}

// /decisions?limit=20&failed=true
void Decisions(const ProvidersPtr& providers, const Request& request, Reply reply) {
  if (!providers->decisions) return reply(Missing("/decisions"));
  const std::string text = request.Query("limit");
  std::size_t limit = text.empty() ? 100 : 0;
  std::from_chars(text.data(), text.data() + text.size(), limit);
  if (limit == 0 || limit > kMostRecords) {
    return reply(http::ErrorResponse(Invalid("limit is a number from 1 to 1000", "limit")));
  }
  providers->decisions(
      limit, request.Query("failed") == "true",
      [reply = std::move(reply)](const Records& records) { reply(RecordsResponse(records)); });
}

constexpr std::string_view kExplain = "/explain/";

void Explain(const ProvidersPtr& providers, const Request& request, Reply reply) {
  if (!providers->explain) return reply(Missing("/explain"));
  const Result<std::string> id = http::PercentDecode(request.Path().substr(kExplain.size()));
  if (!id) return reply(http::ErrorResponse(id.error()));
  providers->explain(*id, [reply = std::move(reply), id = *id](const Records& records) {
    if (!records.empty()) return reply(RecordsResponse(records));
    reply(http::ErrorResponse(
        {ErrorKind::kNotFound,
         "no record of request '" + id + "' is kept here (any more); older requests are in the access log",
         {},
         {}}));
  });
}

void ShowLevel(const ProvidersPtr& providers, const Request&, Reply reply) {
  reply(providers->log_level ? JsonResponse({{"level", providers->log_level()}}) : Missing("/logging"));
}

void SetLevel(const ProvidersPtr& providers, const Request& request, Reply reply) {
  if (!providers->set_log_level) return reply(Missing("/logging"));
  const Status set = providers->set_log_level(request.Query("level"));
  if (!set) return reply(http::ErrorResponse(set.error()));
  reply(JsonResponse({{"level", request.Query("level")}}));
}

void Drain(const ProvidersPtr& providers, const Request&, Reply reply) {
  if (!providers->drain) return reply(Missing("/drain"));
  providers->drain();
  reply(Done("draining"));
}

// Answers first: quitting stops the server.
void Quit(const ProvidersPtr& providers, const Request&, Reply reply) {
  if (!providers->quit) return reply(Missing("/quit"));
  reply(Done("quitting"));
  providers->quit();
}

struct Page {
  std::string_view method, path;
  void (*serve)(const ProvidersPtr&, const Request&, Reply);
};

constexpr std::array<Page, 13> kPages = {{{"GET", "/", Root},
                                          {"GET", "/config", Config},
                                          {"GET", "/snapshot", SnapshotOf},
                                          {"GET", "/instances", Instances},
                                          {"GET", "/circuits", Circuits},
                                          {"GET", "/pools", Pools},
                                          {"GET", "/decisions", Decisions},
                                          {"GET", kExplain, Explain},
                                          {"GET", "/logging", ShowLevel},
                                          {"POST", "/logging", SetLevel},
                                          {"GET", "/api/v1/health/stats", Stats},
                                          {"POST", "/drain", Drain},
                                          {"POST", "/quit", Quit}}};

void Root(const ProvidersPtr&, const Request&, Reply reply) {
  std::string text;
  for (const Page& page : kPages) text += std::string(page.method) + " " + std::string(page.path) + "\n";
  reply(http::Text(200, std::move(text)));
}

bool IsOf(const Page& page, std::string_view path) {
  return page.path == kExplain ? path.starts_with(kExplain) && path.size() > kExplain.size()
                               : path == page.path;
}

Response WrongMethod(std::string_view allowed) {
  Response response = http::Text(405, "use " + std::string(allowed) + "\n");
  response.headers.emplace_back("Allow", allowed);
  return response;
}

void ServeAdmin(const ProvidersPtr& providers, const Request& request, Reply reply) {
  if (const Status host = http::CheckHost(request); !host) return reply(http::ErrorResponse(host.error()));
  std::string allowed;
  for (const Page& page : kPages) {
    if (!IsOf(page, request.Path())) continue;
    if (page.method == request.method) return page.serve(providers, request, std::move(reply));
    allowed += (allowed.empty() ? "" : ", ") + std::string(page.method);
  }
  if (!allowed.empty()) return reply(WrongMethod(allowed));
  reply(http::ErrorResponse({ErrorKind::kNotFound, "no such page; GET / lists them", {}, {}}));
}

// What the metrics source reads; set before each scrape, on the same thread.
struct Latest {
  report::AgentStatus status;
};

void AddIdentity(const IdentityStatus& identity, const report::Families& families,
                 metrics::Samples& samples) {
  samples.Set(families.identity_expires, {}, static_cast<double>(UnixMs(identity.expires)) / 1000);
  samples.Set(families.identity_answers, {"issued"}, static_cast<double>(identity.issued));
  samples.Set(families.identity_answers, {"refused"}, static_cast<double>(identity.refused));
}

void AddSource(const ProvidersPtr& providers, metrics::Registry& registry,
               const std::shared_ptr<const report::Families>& families,
               const std::shared_ptr<Latest>& latest) {
  registry.AddSource([providers, families, latest](metrics::Samples& samples) {
    report::AddSamples(*families, latest->status, samples);
    if (providers->identity) AddIdentity(providers->identity(), *families, samples);
    if (!providers->config_status) return;
    const ConfigStatus config = providers->config_status();
    samples.Set(families->config_rejected, {}, static_cast<double>(config.rejected));
    samples.Set(families->config_age, {}, static_cast<double>(config.age.count()) / 1e9);
  });
}

void Metrics(const ProvidersPtr& providers, const std::shared_ptr<metrics::Registry>& registry,
             const std::shared_ptr<Latest>& latest, Reply reply) {
  WithStatus(providers, std::move(reply), [providers, registry, latest](const report::AgentStatus& status) {
    latest->status = status;
    registry->Expire(providers->now());
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = registry->Text();
    return response;
  });
}

Response Ready(const Providers& providers) {
  const Readiness readiness = providers.readiness ? providers.readiness() : Readiness{true, "ready", {}};
  const std::string detail = readiness.detail.empty() ? "" : ": " + readiness.detail;
  return http::Text(readiness.ready ? 200 : 503, readiness.state + detail + "\n");
}

}  // namespace

http::DeferredHandler AdminHandler(ProvidersPtr providers) {
  return [providers = std::move(providers)](const Request& request, Reply reply) {
    ServeAdmin(providers, request, std::move(reply));
  };
}

http::DeferredHandler TelemetryHandler(ProvidersPtr providers, std::shared_ptr<metrics::Registry> registry,
                                       std::shared_ptr<const report::Families> families) {
  const auto latest = std::make_shared<Latest>();
  AddSource(providers, *registry, families, latest);
  return [providers = std::move(providers), registry = std::move(registry), latest](const Request& request,
                                                                                    Reply reply) {
    if (request.method != "GET" && request.method != "HEAD") return reply(WrongMethod("GET"));
    if (request.Path() == "/metrics") return Metrics(providers, registry, latest, std::move(reply));
    if (request.Path() == "/readyz") return reply(Ready(*providers));
    if (request.Path() == "/livez") return reply(http::Text(200, "alive\n"));
    reply(http::ErrorResponse({ErrorKind::kNotFound, "pages: /metrics /readyz /livez", {}, {}}));
  };
}

}  // namespace weft::admin
