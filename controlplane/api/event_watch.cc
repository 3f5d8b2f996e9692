#include "controlplane/api/event_watch.h"

namespace weft::api {
namespace {

constexpr std::size_t kMostAtOnce = 100;

class EventWatch final : public Source<v1::Event> {
 public:
  EventWatch(Feed<events::Event>& feed, v1::WatchEventsRequest request, std::vector<events::Event> backlog)
      : feed_(feed), request_(std::move(request)), backlog_(std::move(backlog)), next_(feed.end()) {}

  void Start(std::function<void()> wake) override { seat_.emplace(feed_, std::move(wake)); }

  Result<std::vector<v1::Event>> Next() override {
    std::vector<v1::Event> out;
    Take(std::exchange(backlog_, {}), out);
    while (out.empty()) {
      auto fresh = feed_.Read(next_, kMostAtOnce);
      if (!fresh) return fresh.error();
      if (fresh->empty()) break;
      Take(*fresh, out);
    }
    return out;
  }

 private:
  void Take(const std::vector<events::Event>& events, std::vector<v1::Event>& out) const {
    for (const events::Event& event : events) {
      if (event.number > request_.after() && Wants(request_, event)) out.push_back(ToProto(event));
    }
  }

  Feed<events::Event>& feed_;
  const v1::WatchEventsRequest request_;
  std::vector<events::Event> backlog_;
  std::uint64_t next_;
  std::optional<Feed<events::Event>::Seat> seat_;
};

}  // namespace

v1::Event ToProto(const events::Event& event) {
  v1::Event out;
  out.set_number(event.number);
  out.set_type(event.warning ? "Warning" : "Normal");
  out.set_reason(std::string(event.reason));
  out.set_kind(event.object.kind);
  out.set_namespace_(event.object.ns);
  out.set_name(event.object.name);
  out.set_message(event.message);
  out.set_count(event.count);
  out.set_first_unix_ms(UnixMs(event.first));
  out.set_last_unix_ms(UnixMs(event.last));
  return out;
}

void EventFeed::Look() {
  const std::lock_guard lock(mutex_);
  std::vector<events::Event> fresh = book_.After(looked_);
  if (fresh.empty()) return;
  looked_ = fresh.back().number;
  feed_.Append(std::move(fresh));
}

Result<std::unique_ptr<Source<v1::Event>>> EventFeed::Watch(const v1::WatchEventsRequest& request) {
  if (auto ok = feed_.CheckRoom(); !ok) return ok.error();
  const std::lock_guard lock(mutex_);
  std::vector<events::Event> backlog = book_.After(request.after());
  // What the feed has not seen yet comes through it.
  std::erase_if(backlog, [this](const events::Event& event) { return event.number > looked_; });
  return std::unique_ptr<Source<v1::Event>>(std::make_unique<EventWatch>(feed_, request, std::move(backlog)));
}

}  // namespace weft::api
