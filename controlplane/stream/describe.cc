// What a session tells people: the agents table and one agent's configuration.
#include <algorithm>

#include "common/wire/wire.h"
#include "controlplane/stream/session.h"

namespace weft::stream {

v1::Agent Session::Describe() const {
  v1::Agent agent = info_;
  agent.set_subscriptions(static_cast<std::uint32_t>(subscriptions_));
  const bool refused =
      std::any_of(told_.begin(), told_.end(), [](const auto& entry) { return entry.second.nack != nullptr; });
  agent.set_partial(refused || !refused_.empty());
  return agent;
}

void Session::SetCertificate(const auth::Shown& shown) {
  if (shown.serial.empty()) return;
  info_.set_certificate_uri(shown.uri);
  info_.set_certificate_serial(shown.serial);
  info_.set_certificate_from_unix_ms(UnixMs(shown.from));
  info_.set_certificate_until_unix_ms(UnixMs(shown.until));
}

auth::Shown Session::certificate() const {
  const auto at = [](std::int64_t unix_ms) { return WallTime(std::chrono::milliseconds(unix_ms)); };
  return {info_.certificate_uri(), info_.certificate_serial(), at(info_.certificate_from_unix_ms()),
          at(info_.certificate_until_unix_ms())};
}

bool Session::Holds(const snapshot::Version& version) const {
  return info_.has_effective() && wire::FromProto(info_.effective()) == version;
}

std::string Session::RefusalOf(const snapshot::Version& version) const {
  if (!info_.has_target() || wire::FromProto(info_.target()) != version) return {};
  if (!refused_.empty()) return refused_;
  for (const auto& [key, told] : told_) {
    if (told.nack)
      return key->ToString() + ": " + (told.nack->field().empty() ? "" : told.nack->field() + ": ") +
             told.nack->detail();
  }
  return {};
}

bool Session::behind() const {
  const v1::Version &sent = info_.target(), &held = info_.effective();
  const bool whole = sent.store_id() == held.store_id() && sent.revision() == held.revision();
  return awaiting_confirmation() || !refused_.empty() || (info_.has_target() && !whole);
}

v1::AgentConfig Session::DescribeConfig() const {
  v1::AgentConfig config;
  *config.mutable_agent() = Describe();
  config.set_refused(refused_);
  for (const auto& [key, told] : told_) {
    if (told.nack) *config.add_rejected() = *told.nack;
    if (told.unknown) continue;
    v1::HeldService& held = *config.add_held();
    *held.mutable_service() = wire::ToProto(*key);
    if (told.effective != nullptr) held.set_bundle_hash(*told.effective);
    if (!told.has_endpoints) continue;
    held.set_endpoints_store_id(endpoints_of_.store_id);
    held.set_endpoints_epoch(endpoints_of_.epoch);
    held.set_endpoints_version(told.endpoints_version);
  }
  return config;
}

}  // namespace weft::stream
