#pragma once
// From what sources report to the registry. A service belongs to the first source that wrote it; a later one
// is Conflicted and takes over when the owner has let it go. Services become documents of their owner,
// instances become endpoints. While a source is away everything it said stays, and is marked. What flaps is
// damped (damper.h). A service that its source no longer has loses its instances at once and goes after
// `linger`, because Consul and etcd forget a service with its last instance. A report in which more than half
// of a source's instances are missing at once is believed only when it still holds after `doubt`: a store
// that was lost or rolled back looks like that until everybody has registered again. Rules (routes, policies)
// belong to who wrote them first, too, and go at once.
//
// Thread rule: any thread; one lock, held over the writes of a report.

#include <functional>
#include <mutex>

#include "controlplane/api/control.h"
#include "controlplane/intake/source.h"
#include "controlplane/sources/board.h"

namespace weft::intake {

struct SlotOptions {
  bool whole = false;  // all its documents are one transaction that one bad document refuses; nothing lingers
  Duration linger = std::chrono::minutes(5);
  Duration doubt = std::chrono::minutes(1);  // zero: each report is believed
  std::size_t most_services = 5'000;         // those beyond, in order of their keys, are left out
  std::size_t most_instances = 100'000;      // of all its services
};

// A report with fewer instances than half of those before is doubted only when those were at least so many.
inline constexpr std::size_t kDoubtFrom = 10;

class Registrar {
 public:
  struct Settings {
    std::function<TimePoint()> clock = ReadMonotonicClock;
    std::function<WallTime()> wall_clock = ReadWallClock;
    events::Book* events = nullptr;  // null: nobody hears
  };
  Registrar(api::Control& control, sources::Board& board, Settings settings);
  ~Registrar();

  // A source of that name, which owns what it writes. Until its first report what it wrote before stays.
  Sink& Add(const std::string& name, SlotOptions options = {});
  // A source that is used no more: its services go.
  void Abandon(const std::string& name);
  // Lets time pass: call it about twice a second.
  void Tick();

 private:
  struct Slot;

  Status Take(Slot& slot, PicturePtr all);
  void MarkUp(Slot& slot, std::size_t services);
  void MarkDown(Slot& slot, const Error& why);
  bool Doubts(Slot& slot, const Picture& all);
  Status Sync(Slot& slot);
  Status WriteWhole(Slot& slot);
  Status WriteOwned(Slot& slot, const std::set<store::Key>& owned);
  using Documents = std::vector<resource::DocumentPtr>;
  void AddServices(Slot& slot, Documents& documents, std::set<store::Key>& removed);
  void AddRules(Slot& slot, const std::set<store::Key>& owned, Documents& documents,
                std::set<store::Key>& removed);
  Status WriteEach(Slot& slot, const Documents& documents, const std::set<store::Key>& removed);
  bool MayOwn(Slot& slot, const ServiceKey& service);
  std::set<ServiceKey> Gone(Slot& slot, const std::set<ServiceKey>& mine);
  void TellInstances(Slot& slot, const std::set<ServiceKey>& mine);
  void TellOne(Slot& slot, const ServiceKey& service, const FoundPtr& found);
  bool IsDue(const Slot& slot) const;
  void Show(Slot& slot);
  void ShowConditions(Slot& slot);

  api::Control& control_;
  sources::Board& board_;
  const Settings settings_;
  std::mutex mutex_;  // guards all below
  std::map<std::string, std::unique_ptr<Slot>> slots_;
  std::set<std::string> abandoned_;  // whose services are still there
};

}  // namespace weft::intake
