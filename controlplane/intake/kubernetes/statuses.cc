#include "controlplane/intake/kubernetes/statuses.h"

#include "common/log/log.h"
#include "controlplane/api/describe.h"
#include "controlplane/api/foreign.h"
#include "controlplane/intake/kubernetes/status.h"

namespace weft::intake::kubernetes {
namespace {

using api::At;
using api::Text;

constexpr std::size_t kMostAtOnce = 8;  // calls under way
constexpr const char* kApply = "application/apply-patch+yaml";
constexpr const char* kManager = "/status?fieldManager=weft-control&force=true";

// The version that was looked at goes with it: whoever wrote since then is read first.
http::Request PatchOf(const Json& route, resource::Kind kind, Json parents) {
  const Json& metadata = At(route, "metadata");
  const std::string ns = Text(metadata, "namespace"), name = Text(metadata, "name");
  const Json body = {
      {"apiVersion", resource::ApiVersion(kind)},
      {"kind", resource::ToString(kind)},
      {"metadata",
       {{"name", name}, {"namespace", ns}, {"resourceVersion", Text(metadata, "resourceVersion")}}},
      {"status", {{"parents", std::move(parents)}}}};
  http::Request request;
  request.method = "PATCH";
  request.target = kube::PathOf(kind, ns, name) + kManager;
  request.body = body.dump();
  request.headers.emplace_back("Content-Type", kApply);
  return request;
}

}  // namespace

struct Statuses::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& its_context, const kube::Client& its_client, StatusOptions its_options)
      : context(its_context), client(its_client), options(std::move(its_options)) {}

  bool IsDue(const Rules& rules, TimePoint now);
  std::optional<Judgement> Judge(const Rules::Rule& rule) const;
  void Send(const Rules::Key& key, const Json& route, Json parents);
  void Sent(const Rules::Key& key, const Result<http::Response>& answer);

  boost::asio::io_context& context;
  const kube::Client& client;
  const StatusOptions options;
  bool stopped = false, again = true;
  std::uint64_t seen_revision = 0, seen_generation = 0;
  std::optional<TimePoint> not_before;
  std::string said;  // what was last logged
  std::map<store::Key, api::Control::Judged> judged;
  std::map<Rules::Key, std::string> written;  // resourceVersion whose status was written; what comes is newer
  std::set<Rules::Key> under_way;
};

bool Statuses::State::IsDue(const Rules& rules, TimePoint now) {
  if (!options.leads()) {
    again = true;
    return false;
  }
  if (not_before && now < *not_before) return false;
  const std::uint64_t revision = options.revision();
  const bool news = revision != seen_revision || rules.generation() != seen_generation;
  seen_revision = revision;
  seen_generation = rules.generation();
  return std::exchange(again, false) || news;
}

// None: it is not in force yet, and nothing speaks against it.
std::optional<Judgement> Statuses::State::Judge(const Rules::Rule& rule) const {
  if (!rule.read.ours) return Judgement{};
  if (rule.read.document == nullptr) return Judgement{rule.read.problems, {}};
  const auto found = judged.find(api::KeyOfDocument(*rule.read.document));
  if (found != judged.end() && found->second.document->json == rule.read.document->json)
    return Judgement{{}, found->second.findings};
  const Status status = options.check(rule.read.document);
  const bool bad = !status && (status.error().kind == ErrorKind::kInvalid ||
                               status.error().kind == ErrorKind::kUnsupported);
  if (!bad) return std::nullopt;  // soon, or when a rollout has ended
  return Judgement{{status.error()}, {}};
}

void Statuses::State::Send(const Rules::Key& key, const Json& route, Json parents) {
  under_way.insert(key);
  written[key] = Text(At(route, "metadata"), "resourceVersion");
  client.Async(context, PatchOf(route, key.first, std::move(parents)),
               [self = shared_from_this(), key](const Result<http::Response>& answer) {
                 if (!self->stopped) self->Sent(key, answer);
               });
}

void Statuses::State::Sent(const Rules::Key& key, const Result<http::Response>& answer) {
  under_way.erase(key);
  if (answer) return said.clear();
  again = true;
  written.erase(key);
  // Written by somebody else, or gone: the watch tells.
  if (answer.error().kind == ErrorKind::kConflict || answer.error().kind == ErrorKind::kNotFound) return;
  not_before = ReadMonotonicClock() + options.retry;
  if (std::exchange(said, answer.error().Text()) != said)
    log::Warn("the status of a route cannot be written", {{"route", key.second}, {"error", said}});
}

Statuses::Statuses(boost::asio::io_context& context, const kube::Client& client, StatusOptions options)
    : state_(std::make_shared<State>(context, client, std::move(options))) {}
Statuses::~Statuses() { state_->stopped = true; }

void Statuses::Look(const Rules& rules, TimePoint now) {
  State& state = *state_;
  if (!state.IsDue(rules, now)) return;
  state.judged = state.options.judged();
  const WallTime wall = state.options.wall_clock();
  std::erase_if(state.written, [&](const auto& one) { return !rules.all().contains(one.first); });
  for (const auto& [key, rule] : rules.all()) {
    if (!kube::IsRoute(key.first)) continue;
    const auto before = state.written.find(key);
    const bool waits = before != state.written.end() &&
                       before->second == Text(At(*rule.object, "metadata"), "resourceVersion");
    const bool full = state.under_way.size() >= kMostAtOnce;
    const std::optional<Judgement> judgement = waits ? std::optional<Judgement>() : state.Judge(rule);
    if (!judgement) {
      state.again |= !waits || !state.under_way.empty();
      continue;
    }
    std::optional<Json> parents = ParentsOf(*rule.object, *judgement, wall);
    if (!parents) continue;
    state.again |= full;
    if (!full) state.Send(key, *rule.object, std::move(*parents));
  }
}

}  // namespace weft::intake::kubernetes
