#include "agent/app/pages.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "agent/decision/log.h"
#include "agent/report/reporter.h"

namespace weft::app {
namespace {

// Answers of the workers as they come in.
struct Collected {
  std::mutex mutex;
  std::vector<std::pair<std::int64_t, std::string>> found;  // start time, JSON
  std::size_t missing = 0;
  std::size_t most = 0;
  std::function<void(admin::Records)> done;
};

void Contribute(forward::Worker& worker, const RecordQuery& query, Collected& into) {
  const decision::Log& log = worker.engine().log();
  std::vector<decision::Whole> records;
  if (!query.service.empty()) {
    records = log.LastBadOf(query.service, query.most);
  } else if (query.request_id.empty()) {
    records = log.Last(query.most, query.only_bad);
  } else if (std::optional<decision::Whole> found = log.Find(query.request_id)) {
    records.push_back(*found);
  }
  const std::lock_guard lock(into.mutex);
  for (const decision::Whole& whole : records) {
    into.found.emplace_back(whole.record.started, decision::ToJson(whole, log.names(), WallMinusMonotonic()));
  }
}

void Conclude(Collected& all) {
  std::sort(all.found.begin(), all.found.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  admin::Records records;
  for (auto& [started, text] : all.found) {
    if (records.size() < all.most) records.push_back(std::move(text));
  }
  all.done(std::move(records));
}

}  // namespace

void CollectRecords(forward::Forwarder& forwarder, RecordQuery query,
                    std::function<void(admin::Records)> done) {
  auto all = std::make_shared<Collected>();
  all->missing = forwarder.workers().size();
  all->most = query.most;
  all->done = std::move(done);
  for (const auto& each : forwarder.workers()) {
    each->loop().Post([worker = each.get(), query, all] {
      Contribute(*worker, query, *all);
      bool last = false;
      {
        const std::lock_guard lock(all->mutex);
        last = --all->missing == 0;
      }
      if (last) Conclude(*all);
    });
  }
}

void AddLastChecks(const probe::Prober& prober, report::AgentStatus& status) {
  for (auto& [key, backend] : status.backends) {
    for (auto& [id, instance] : backend.instances)
      instance.last_check = prober.LastCheck(key.first, HashBytes(id));
  }
}

std::vector<report::Worker> ReportWorkers(forward::Forwarder& forwarder) {
  std::vector<report::Worker> out;
  for (const auto& worker : forwarder.workers()) {
    out.push_back(
        {&worker->loop(), &worker->engine(), static_cast<const report::Reporter*>(&worker->sink())});
  }
  return out;
}

std::string ConfigPage(const settings::Settings& settings, const config::Manager& manager,
                       const forward::Forwarder& forwarder, identity::Keeper* keeper) {
  using nlohmann::json;
  const config::ManagerStatus status = manager.status();
  json out;
  out["node"] = {{"id", settings.node.id},        {"cluster", settings.node.cluster},
                 {"namespace", settings.node.ns}, {"service", settings.node.service},
                 {"zone", settings.node.zone},    {"labels", settings.node.labels}};
  out["workers"] = settings.workers;
  out["listeners"] = json::object();
  for (const auto& listener : forwarder.listeners())
    out["listeners"][listener->name] = listener->listen.ToString();
  out["source"] = status.source;
  out["link_problem"] = status.link_problem;
  out["target"] = status.target ? status.target->ToString() : "";
  out["effective"] = status.effective ? status.effective->ToString() : "";
  out["applied"] = status.applied;
  out["rejected_bundles"] = status.rejected_bundles;
  out["rejected_deltas"] = status.rejected_deltas;
  out["awaiting"] = status.awaiting;
  out["last_refusal"] = status.last_refusal;
  out["subscriptions"] = status.subscriptions;
  out["refusals"] = json::object();
  for (const auto& [service, refusal] : manager.refusals())
    out["refusals"][service.ToString()] = refusal.error.Text();
  if (keeper != nullptr) {
    const identity::MaterialPtr held = keeper->source().Now();
    out["identity"] = {
        {"uri", held == nullptr ? "" : held->uri},
        {"until", held == nullptr ? "" : UtcText(std::chrono::floor<std::chrono::seconds>(held->not_after))},
        {"issued", keeper->status().issued},
        {"refused", keeper->status().refused},
        {"last_refusal", keeper->status().last_refusal}};
  }
  return out.dump(2) + "\n";
}

std::string_view LevelName(log::Level level) {
  switch (level) {
    case log::Level::kDebug: return "debug";
    case log::Level::kInfo: return "info";
    case log::Level::kWarn: return "warn";
    case log::Level::kError: return "error";
  }
  return "info";
}

Duration WallMinusMonotonic() {
  return ReadWallClock().time_since_epoch() - ReadMonotonicClock().time_since_epoch();
}

}  // namespace weft::app
