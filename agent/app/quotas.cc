#include "agent/app/quotas.h"

#include <algorithm>

namespace weft::app {
namespace {

constexpr Duration kEvery = std::chrono::seconds(1);

bool SharesALimit(const snapshot::Service& service) {
  const std::vector<policy::RateLimit>& limits = service.bundle->policy.rate_limits.limits;
  return std::any_of(limits.begin(), limits.end(), [](const policy::RateLimit& l) { return l.global; });
}

}  // namespace

void Quotas::Start(uplink::Uplink* uplink) {
  uplink_ = uplink;
  Wait();
}

void Quotas::Installed(const snapshot::Snapshot& snapshot) {
  any_ = std::any_of(snapshot.services.begin(), snapshot.services.end(),
                     [](const auto& entry) { return SharesALimit(*entry.second); });
}

void Quotas::Granted(const uplink::QuotaGrant& grant) {
  keeper_.Granted(grant.port, grant.limit, grant.rate, grant.agents, grant.lease, cold_.Now());
}

void Quotas::Wait() {
  cold_.After(kEvery, [this] { Look(); });
}

// Buckets are the same for all workers, so one of them answers for all.
void Quotas::Look() {
  Wait();
  if (!any_) return;
  forward::Worker& worker = *forwarder_.workers().front();
  worker.loop().Post([this, &worker] {
    const snapshot::Snapshot* snapshot = worker.engine().snapshot();
    const std::uint64_t revision = snapshot == nullptr ? 0 : snapshot->version.revision;
    cold_.Post([this, revision, uses = worker.engine().Quotas()] { Seen(uses, revision); });
  });
}

void Quotas::Seen(const std::vector<engine::QuotaUse>& uses, std::uint64_t revision) {
  quota::Keeper::Looked looked = keeper_.Look(uses, cold_.Now());
  if (uplink_ != nullptr && !looked.wanted.empty()) uplink_->AskQuotas(looked.wanted, revision);
  if (looked.rates.empty()) return;
  forward::Worker& worker = *forwarder_.workers().front();
  worker.loop().Post([&worker, rates = std::move(looked.rates)] {
    for (const quota::Rate& rate : rates)
      worker.engine().SetQuota(rate.backend, rate.limit, rate.per_second, rate.room, worker.loop().now());
  });
}

}  // namespace weft::app
