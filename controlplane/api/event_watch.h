#pragma once
// What the control plane noticed, as it notices it. The book of events calls nobody, because it is written to
// under other locks: the feed looks into it when told to. Thread rule: any thread; a watch belongs to one
// reader at a time.

#include <optional>

#include "controlplane/api/feed.h"
#include "controlplane/events/events.h"
#include "weft/v1/telemetry.pb.h"

namespace weft::api {

v1::Event ToProto(const events::Event& event);

// Whether an event is what the request asks for; its number is not looked at.
template <class Q>
bool Wants(const Q& request, const events::Event& event) {
  const auto takes = [](const std::string& wanted, std::string_view is) {
    return wanted.empty() || wanted == is;
  };
  return takes(request.namespace_(), event.object.ns) && takes(request.reason(), event.reason) &&
         takes(request.type(), event.warning ? "Warning" : "Normal");
}

class EventFeed {
 public:
  explicit EventFeed(const events::Book& book) : book_(book) {}

  const events::Book& book() const { return book_; }
  void Look();                     // takes over what is new; call it about twice a second
  void Wake() { feed_.Wake(); }    // so that they look who may still read them
  void Close() { feed_.Close(); }  // every watch ends
  // kOverloaded: too many watches.
  Result<std::unique_ptr<Source<v1::Event>>> Watch(const v1::WatchEventsRequest& request);

 private:
  const events::Book& book_;
  std::mutex mutex_;          // guards looked_, and that the feed gets what is between
  std::uint64_t looked_ = 0;  // the greatest number that the feed has
  Feed<events::Event> feed_{events::kMostKept};
};

}  // namespace weft::api
