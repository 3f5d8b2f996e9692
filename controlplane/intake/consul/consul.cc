#include "controlplane/intake/consul/consul.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <fstream>
#include <set>

#include "common/http/tls/client.h"
#include "common/resource/schema.h"
#include "controlplane/intake/backoff.h"
#include "controlplane/intake/document.h"

namespace weft::intake::consul {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMostBody = 16 << 20;
constexpr auto kGrace = std::chrono::seconds(5);            // beyond the wait and Consul's own wait/16 on top
constexpr Duration kPause = std::chrono::milliseconds(20);  // between two answers of one query at least
constexpr Duration kIdlePause = std::chrono::seconds(1);    // when an answer came early and said nothing new

Result<std::string> ReadToken(const std::string& name) {
  std::ifstream file(name);
  std::string token;
  if (!file || !(file >> token)) return Invalid("cannot read the token", {}, name);
  return token;
}

std::uint64_t IndexOf(const http::Response& response) {
  const std::string_view text = response.Header("X-Consul-Index");
  std::uint64_t index = 0;
  std::from_chars(text.data(), text.data() + text.size(), index);
  return std::max<std::uint64_t>(index, 1);  // zero would not block
}

}  // namespace

struct Consul::State : std::enable_shared_from_this<State> {
  struct Query {  // one blocking query after the other
    Query(State& state, std::string its_path) : path(std::move(its_path)), timer(state.context) {
      backoff = {state.options.retry_min, state.options.retry_max};
    }
    const std::string path;
    asio::steady_timer timer;
    Backoff backoff;
    std::uint64_t index = 0;  // zero: answers at once
    TimePoint asked;
    bool answered = false;
    bool ended = false;   // nobody wants to know any more
    std::string problem;  // of the last try; empty: it was good
  };
  struct Watched : Query {
    using Query::Query;
    FoundPtr found;  // null: it is no service of ours
    std::vector<Error> unusable;
  };

  State(asio::io_context& its_context, Sink& its_sink, Options its_options)
      : context(its_context), sink(its_sink), options(std::move(its_options)) {}

  void Ask(const std::shared_ptr<Query>& query, std::function<bool(const http::Response&)> take);
  void Answered(const std::shared_ptr<Query>& query, std::function<bool(const http::Response&)> take,
                const Result<http::Response>& answer);
  void Later(const std::shared_ptr<Query>& query, std::function<bool(const http::Response&)> take,
             Duration pause);
  void AskCatalog();
  bool TakeCatalog(const http::Response& response);
  void WatchService(const std::string& name);
  bool TakeHealth(const std::string& name, Watched& watched, const http::Response& response);
  std::string Target(const Query& query) const;
  void ReportSoon();
  void Report();

  asio::io_context& context;
  Sink& sink;
  const Options options;
  bool stopped = false, scheduled = false;
  std::shared_ptr<Query> catalog;
  std::map<std::string, std::shared_ptr<Watched>> services;
  std::size_t beyond = 0;  // services over the bound
};

std::string Consul::State::Target(const Query& query) const {
  std::string target =
      query.path +
      "?wait=" + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(options.wait).count()) +
      "ms";
  if (query.index != 0) target += "&index=" + std::to_string(query.index);
  if (!options.datacenter.empty()) target += "&dc=" + http::PercentEncode(options.datacenter);
  return target;
}

void Consul::State::Ask(const std::shared_ptr<Query>& query,
                        std::function<bool(const http::Response&)> take) {
  if (stopped || query->ended) return;
  query->asked = ReadMonotonicClock();
  http::Request request;
  request.target = Target(*query);
  http::CallOptions call;
  call.max_body = kMostBody;
  call.timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.wait + options.wait / 16) + kGrace;
  auto done = [self = shared_from_this(), query, take](const Result<http::Response>& answer) {
    self->Answered(query, take, answer);
  };
  if (!options.token_file.empty()) {
    const auto token = ReadToken(options.token_file);
    if (!token) return Answered(query, std::move(take), token.error());
    request.headers.emplace_back("X-Consul-Token", *token);
  }
  if (options.tls != nullptr) {
    http::tls::CallAsync(context, options.tls, options.server_name, options.address, request, done, call);
  } else {
    http::CallAsync(context, options.address, request, done, call);
  }
}

void Consul::State::Later(const std::shared_ptr<Query>& query,
                          std::function<bool(const http::Response&)> take, Duration pause) {
  query->timer.expires_after(pause);
  query->timer.async_wait([self = shared_from_this(), query, take](boost::system::error_code cancelled) {
    if (!cancelled) self->Ask(query, take);
  });
}

void Consul::State::Answered(const std::shared_ptr<Query>& query,
                             std::function<bool(const http::Response&)> take,
                             const Result<http::Response>& answer) {
  if (stopped || query->ended) return;
  const auto fail = [&](const std::string& why) {
    if (query != catalog && query->problem != why) ReportSoon();
    query->problem = why;
    query->index = 0;  // whatever comes next: all of it
    if (query == catalog) sink.Lost({ErrorKind::kUnavailable, why, {}, {}});
    Later(query, take, query->backoff.Next());
  };
  if (!answer) return fail(answer.error().Text());
  if (answer->status != 200)
    return fail("consul answers " + std::to_string(answer->status) + " to " + query->path + ": " +
                answer->body.substr(0, 200));
  const std::uint64_t before = query->index, now = IndexOf(*answer);
  query->problem.clear();
  if (!take(*answer)) return fail(std::exchange(query->problem, {}));
  query->answered = true;
  query->backoff.Reset();
  query->index = now < before ? 0 : now;  // it went back: ask for all of it
  const bool news = now != before;
  if (news || query == catalog) ReportSoon();
  const bool waited = ReadMonotonicClock() - query->asked >= kIdlePause;
  Later(query, take, news || waited ? kPause : kIdlePause);
}

void Consul::State::AskCatalog() {
  catalog = std::make_shared<Query>(*this, "/v1/catalog/services");
  Ask(catalog, [this](const http::Response& response) { return TakeCatalog(response); });
}

bool Consul::State::TakeCatalog(const http::Response& response) {
  auto names = ReadCatalog(response.body, options.tag);
  if (!names) {
    catalog->problem = names.error().Text();
    return false;
  }
  beyond = names->size() - std::min(names->size(), options.most_services);
  names->resize(names->size() - beyond);
  const std::set<std::string> wanted(names->begin(), names->end());
  for (auto one = services.begin(); one != services.end();) {
    if (wanted.contains(one->first)) {
      ++one;
      continue;
    }
    one->second->ended = true;
    one->second->timer.cancel();
    one = services.erase(one);
  }
  for (const std::string& name : wanted) {
    if (!services.contains(name)) WatchService(name);
  }
  return true;
}

void Consul::State::WatchService(const std::string& name) {
  auto watched = std::make_shared<Watched>(*this, "/v1/health/service/" + http::PercentEncode(name));
  services[name] = watched;
  Ask(watched, [this, name, weak = std::weak_ptr<Watched>(watched)](const http::Response& response) {
    const auto one = weak.lock();
    return one != nullptr && TakeHealth(name, *one, response);
  });
}

bool Consul::State::TakeHealth(const std::string& name, Watched& watched, const http::Response& response) {
  auto health = ReadHealth(response.body, name, options.defaults);
  watched.unusable.clear();
  if (!health && health.error().where == "service " + name) {  // it will not become one
    watched.unusable.push_back(health.error());
    watched.found = nullptr;
    return true;
  }
  auto document = health ? MakeDocument(health->service, watched.found ? watched.found->document : nullptr)
                         : Result<resource::DocumentPtr>(health.error());
  if (!document) {
    watched.problem = document.error().Text();
    return false;
  }
  watched.unusable = std::move(health->unusable);
  watched.found =
      health->is_proxy
          ? nullptr
          : std::make_shared<const Found>(Found{std::move(*document), std::move(health->instances)});
  return true;
}

void Consul::State::ReportSoon() {
  if (scheduled) return;
  scheduled = true;
  asio::post(context, [self = shared_from_this()] {
    self->scheduled = false;
    self->Report();
  });
}

// Once every service was asked for; while the catalog cannot be had nothing new is known.
void Consul::State::Report() {
  if (stopped || !catalog->answered || !catalog->problem.empty()) return;
  auto picture = std::make_shared<Picture>();
  for (const auto& [name, watched] : services) {
    if (!watched->answered && watched->problem.empty()) return;
    if (!watched->problem.empty())
      picture->unusable.push_back({ErrorKind::kUnavailable, watched->problem, {}, "service " + name});
    picture->unusable.insert(picture->unusable.end(), watched->unusable.begin(), watched->unusable.end());
    if (!watched->answered)
      picture->unknown.insert({"local", options.defaults.ns, resource::LowerCase(name)});
    if (watched->found == nullptr) continue;
    const resource::Metadata& meta = watched->found->document->metadata;
    if (!picture->services.emplace(ServiceKey{"local", meta.ns, meta.name}, watched->found).second)
      picture->unusable.push_back(
          Invalid("differs from another one by its case only", {}, "service " + name));
  }
  if (beyond > 0)
    picture->unusable.push_back(
        {ErrorKind::kOverloaded,
         std::to_string(beyond) + " service(s) beyond mostServices; choose by tag or raise it",
         {},
         {}});
  (void)sink.Report(std::move(picture));  // what could not be taken over is a condition of the service
}

Consul::Consul(asio::io_context& context, Sink& sink, Options options)
    : state_(std::make_shared<State>(context, sink, std::move(options))) {}

Consul::~Consul() {
  state_->stopped = true;
  if (state_->catalog != nullptr) state_->catalog->timer.cancel();
  for (const auto& [name, watched] : state_->services) watched->timer.cancel();
}

Status Consul::Start() {
  asio::post(state_->context, [state = state_] { state->AskCatalog(); });
  return {};
}

}  // namespace weft::intake::consul
