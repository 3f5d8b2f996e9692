#pragma once
// What the Registrar knows of one source. For its own files only.

#include "controlplane/intake/damper.h"
#include "controlplane/intake/registrar.h"

namespace weft::intake {

inline constexpr Duration kTryAgain = std::chrono::seconds(5);  // a write of documents that was not taken

struct Registrar::Slot final : Sink {
  Slot(Registrar& its_registrar, std::string name, SlotOptions its_options)
      : registrar(its_registrar), options(its_options) {
    look.name = std::move(name);
    look.since = registrar.settings_.clock();
  }
  Status Report(PicturePtr all) override;
  void Lost(const Error& why) override;

  Registrar& registrar;
  const SlotOptions options;
  sources::Look look;
  PicturePtr wanted;   // null: it has not reported yet
  PicturePtr doubted;  // not believed yet
  TimePoint doubted_since;
  std::map<ServiceKey, FoundPtr> told;     // the instances of these are in the registry
  std::map<ServiceKey, FoundPtr> written;  // the documents of these
  std::map<store::Key, resource::DocumentPtr> written_rules;
  std::map<store::Key, std::string> refused_rules;  // with the reason
  std::map<ServiceKey, TimePoint> lingering;        // no longer reported since then
  std::map<ServiceKey, Damper> dampers;
  std::map<ServiceKey, std::string> conflicts;                             // with the owner
  std::map<ServiceKey, std::string> refused;                               // with the reason
  std::map<std::pair<ServiceKey, std::string_view>, WallTime> conditions;  // that hold, with their type
  std::string warned;                                                      // of what was left out
  std::optional<TimePoint> again;                                          // documents are to be written then
};

}  // namespace weft::intake
