#include "controlplane/kube/election.h"

#include "common/log/log.h"
#include "controlplane/api/foreign.h"

namespace weft::kube {
namespace {

using api::At;
using api::Text;

std::int64_t Number(const Json& json, const char* key) {
  const Json& value = At(json, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

// Kubernetes' MicroTime has exactly six digits.
std::string MicroTime(WallTime at) {
  std::string text = UtcText(std::chrono::floor<std::chrono::seconds>(at));
  text.insert(text.size() - 1, ".000000");
  return text;
}

}  // namespace

std::string Election::Path() const {
  return "/apis/coordination.k8s.io/v1/namespaces/" + options_.ns + "/leases";
}

Json Election::SpecOf(const Json& before, bool mine) const {
  const std::string now = MicroTime(options_.wall_clock());
  const std::string since = Text(before, "acquireTime");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options_.lease).count();
  return {{"holderIdentity", options_.identity},
          {"leaseDurationSeconds", seconds},
          {"acquireTime", mine && !since.empty() ? since : now},
          {"renewTime", now},
          {"leaseTransitions", Number(before, "leaseTransitions") + (mine ? 0 : 1)}};
}

bool Election::Lapsed(const Json& lease) {
  const std::string version = Text(At(lease, "metadata"), "resourceVersion");
  const TimePoint now = options_.clock();
  if (std::exchange(seen_, version) != version) seen_at_ = now;
  const std::int64_t seconds = Number(At(lease, "spec"), "leaseDurationSeconds");
  return now - seen_at_ >= std::chrono::seconds(seconds);
}

Status Election::Make() {
  const TimePoint since = options_.clock();
  const Json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                      {"kind", "Lease"},
                      {"metadata", {{"name", options_.name}, {"namespace", options_.ns}}},
                      {"spec", SpecOf({}, true)}};
  const auto made = client_.Call("POST", Path(), lease);
  if (!made) return made.error();
  Hold(since);
  return {};
}

// Another writer wins: the version goes with it.
Status Election::Take(const Json& lease, bool mine) {
  const TimePoint since = options_.clock();
  Json body = lease;
  body["spec"] = SpecOf(At(lease, "spec"), mine);
  const auto taken = client_.Call("PUT", Path() + "/" + options_.name, body);
  if (!taken) return taken.error();
  Hold(since);
  return {};
}

Status Election::Turn() {
  const auto lease = client_.Call("GET", Path() + "/" + options_.name);
  if (!lease) return lease.error().kind == ErrorKind::kNotFound ? Make() : Status(lease.error());
  const std::string holder = Text(At(*lease, "spec"), "holderIdentity");
  if (holder == options_.identity) return Take(*lease, true);
  if (holder.empty() || Lapsed(*lease)) return Take(*lease, false);
  until_ = TimePoint{};
  return {};
}

Status Election::GiveBack() {
  const auto lease = client_.Call("GET", Path() + "/" + options_.name);
  if (!lease) return lease.error();
  if (Text(At(*lease, "spec"), "holderIdentity") != options_.identity) return {};
  Json body = *lease;
  body["spec"]["holderIdentity"] = "";
  body["spec"]["leaseDurationSeconds"] = 1;
  const auto done = client_.Call("PUT", Path() + "/" + options_.name, body);
  return done ? Status() : Status(done.error());
}

void Election::Run() {
  bool led = false;
  std::string said;
  while (true) {
    const Status done = Turn();
    const std::string problem = done || done.error().kind == ErrorKind::kConflict ? "" : done.error().Text();
    if (std::exchange(said, problem) != problem && !problem.empty())
      log::Warn("the lease of the leader cannot be looked after", {{"error", problem}});
    if (std::exchange(led, leads()) != leads())
      log::Info(leads() ? "leads the replicas" : "leads no longer", {{"identity", options_.identity}});
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, options_.retry, [this] { return stopping_; })) return;
  }
}

void Election::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Election::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  const bool led = leads();
  until_ = TimePoint{};
  if (led) (void)GiveBack();
}

}  // namespace weft::kube
