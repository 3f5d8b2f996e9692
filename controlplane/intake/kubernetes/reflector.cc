#include "controlplane/intake/kubernetes/reflector.h"

#include <boost/asio/steady_timer.hpp>

#include "controlplane/api/json.h"
#include "controlplane/intake/backoff.h"

namespace weft::intake::kubernetes {
namespace {

constexpr std::size_t kMostLine = 4 << 20;  // of one event; the server's own bound of an object is 1.5 MiB

std::string TextAt(const Json& json, const char* key) {
  if (!json.is_object()) return {};
  const auto found = json.find(key);
  return found == json.end() || !found->is_string() ? std::string() : found->get<std::string>();
}

const Json& MetadataOf(const Json& object) {
  static const Json nothing;
  return object.is_object() && object.contains("metadata") ? object["metadata"] : nothing;
}

std::string KeyOf(const Json& object) {
  const std::string name = TextAt(MetadataOf(object), "name");
  return name.empty() ? name : TextAt(MetadataOf(object), "namespace") + "/" + name;
}

}  // namespace

struct Reflector::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& its_context, const kube::Client& its_client, ReflectorOptions its_options,
        Hooks its_hooks)
      : context(its_context),
        client(its_client),
        options(std::move(its_options)),
        hooks(std::move(its_hooks)),
        timer(its_context),
        backoff(options.retry_min, options.retry_max) {}

  void List(const std::string& mark);
  void TakePage(const Result<http::Response>& answer);
  void Watch();
  bool TakeBytes(std::string_view bytes);
  Status TakeEvent(std::string_view line);
  Status TakeObject(const std::string& type, Json object);
  void WatchEnded(const Result<http::Response>& answer);
  void Trim(Json& object) const;
  void Absent();
  void ListAfter(Duration pause);
  void Fail(const Error& why);
  void Up();

  boost::asio::io_context& context;
  const kube::Client& client;
  const ReflectorOptions options;
  Hooks hooks;
  boost::asio::steady_timer timer;
  Backoff backoff;
  bool stopped = false, is_synced = false, is_up = false;
  std::string version;  // to watch from
  std::map<std::string, ObjectPtr> objects, fresh;
  std::string rest;              // of a line whose end has not come yet
  std::optional<Error> problem;  // of the watch that is going on
};

void Reflector::State::Fail(const Error& why) {
  if (options.optional && why.kind == ErrorKind::kNotFound) return Absent();
  is_up = false;
  hooks.lost(why);
  if (!stopped) ListAfter(backoff.Next());
}

// The server answers, and has no such kind.
void Reflector::State::Absent() {
  const bool news = !is_synced || !is_up || !objects.empty();
  objects.clear();
  is_synced = true;
  Up();
  if (news) hooks.changed();
  if (!stopped) ListAfter(options.absent);
}

void Reflector::State::ListAfter(Duration pause) {
  timer.expires_after(pause);
  timer.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
    if (!cancelled && !self->stopped) self->List({});
  });
}

// The first of it nobody reads, and it is often most of an object.
void Reflector::State::Trim(Json& object) const {
  if (object.is_object() && object.contains("metadata") && object["metadata"].is_object())
    object["metadata"].erase("managedFields");
  if (options.trim) options.trim(object);
}

void Reflector::State::Up() {
  backoff.Reset();
  is_up = true;
}

void Reflector::State::List(const std::string& mark) {
  if (mark.empty()) fresh.clear();
  http::Request request;
  request.target = options.path + "?limit=" + std::to_string(options.page);
  if (!mark.empty()) request.target += "&continue=" + http::PercentEncode(mark);
  client.Async(context, request, [self = shared_from_this()](const Result<http::Response>& answer) {
    if (!self->stopped) self->TakePage(answer);
  });
}

void Reflector::State::TakePage(const Result<http::Response>& answer) {
  if (!answer) return Fail(answer.error());
  Json page;
  if (auto ok = api::ParseJson(answer->body, page); !ok) return Fail(ok.error());
  if (!page.is_object() || !page.contains("items") || !(page["items"].is_array() || page["items"].is_null()))
    return Fail(Invalid("the list of " + options.path + " has no items"));
  for (Json& item : page["items"]) {
    const std::string key = KeyOf(item);
    if (key.empty()) continue;
    Trim(item);
    fresh[key] = std::make_shared<const Json>(std::move(item));
  }
  if (fresh.size() > options.most)
    return Fail({ErrorKind::kOverloaded,
                 "more than " + std::to_string(options.most) + " objects in " + options.path,
                 {},
                 {}});
  if (const std::string more = TextAt(MetadataOf(page), "continue"); !more.empty()) return List(more);
  version = TextAt(MetadataOf(page), "resourceVersion");
  if (version.empty()) return Fail(Invalid("the list of " + options.path + " has no resourceVersion"));
  for (auto& [key, object] : fresh) {  // what did not change keeps its pointer
    const auto before = objects.find(key);
    if (before != objects.end() && *before->second == *object) object = before->second;
  }
  objects = std::exchange(fresh, {});
  is_synced = true;
  Up();
  hooks.changed();
  Watch();
}

void Reflector::State::Watch() {
  http::Request request;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options.watch).count();
  request.target = options.path +
                   "?watch=1&allowWatchBookmarks=true&resourceVersion=" + http::PercentEncode(version) +
                   "&timeoutSeconds=" + std::to_string(seconds);
  rest.clear();
  problem.reset();
  http::CallOptions call;
  call.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(options.silence);
  call.on_data = [self = shared_from_this()](std::string_view bytes) {
    return !self->stopped && self->TakeBytes(bytes);
  };
  client.Async(
      context, request,
      [self = shared_from_this()](const Result<http::Response>& answer) {
        if (!self->stopped) self->WatchEnded(answer);
      },
      call);
}

// All that came at once is one change.
bool Reflector::State::TakeBytes(std::string_view bytes) {
  rest += bytes;
  std::size_t begin = 0;
  for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
    const std::string_view line(rest.data() + begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (auto ok = TakeEvent(line); !ok) {
      problem = ok.error();
      break;
    }
  }
  rest.erase(0, begin);
  if (!problem && rest.size() > kMostLine) problem = Invalid("an event of " + options.path + " has no end");
  if (begin > 0) hooks.changed();
  if (!problem) Up();
  return !problem;
}

Status Reflector::State::TakeEvent(std::string_view line) {
  Json event;
  if (auto ok = api::ParseJson(line, event); !ok) return ok.error();
  const std::string type = TextAt(event, "type");
  if (!event.is_object() || !event.contains("object"))
    return Invalid("an event of " + options.path + " has no object");
  return TakeObject(type, std::move(event["object"]));
}

Status Reflector::State::TakeObject(const std::string& type, Json object) {
  if (type == "ERROR") {
    const bool gone = object.is_object() && object.contains("code") && object["code"] == 410;
    return Error{gone ? ErrorKind::kGone : ErrorKind::kUnavailable,
                 "the watch of " + options.path + " ends: " + TextAt(object, "message"),
                 {},
                 {}};
  }
  const std::string at = TextAt(MetadataOf(object), "resourceVersion");
  const std::string key = KeyOf(object);
  if (type == "DELETED" && !key.empty()) {
    objects.erase(key);
  } else if ((type == "ADDED" || type == "MODIFIED") && !key.empty()) {
    Trim(object);
    objects[key] = std::make_shared<const Json>(std::move(object));
  } else if (type != "BOOKMARK") {
    return Invalid("an event of " + options.path + " has the type '" + type.substr(0, 40) + "'");
  }
  if (!at.empty()) version = at;
  return {};
}

void Reflector::State::WatchEnded(const Result<http::Response>& answer) {
  if (problem || (!answer && answer.error().kind == ErrorKind::kGone)) {
    const Error why = problem ? *problem : answer.error();
    if (why.kind == ErrorKind::kGone) return List({});  // nothing is lost: read it again
    return Fail(why);
  }
  if (answer) return Watch();  // its time was over
  if (answer.error().kind == ErrorKind::kTimeout)
    return List({});  // silent: whether it is there, a list tells
  Fail(answer.error());
}

Reflector::Reflector(boost::asio::io_context& context, const kube::Client& client, ReflectorOptions options,
                     Hooks hooks)
    : state_(std::make_shared<State>(context, client, std::move(options), std::move(hooks))) {}

Reflector::~Reflector() {
  state_->stopped = true;
  state_->timer.cancel();
}

void Reflector::Start() { state_->List({}); }
bool Reflector::synced() const { return state_->is_synced; }
bool Reflector::up() const { return state_->is_up; }
const std::map<std::string, ObjectPtr>& Reflector::objects() const { return state_->objects; }

}  // namespace weft::intake::kubernetes
