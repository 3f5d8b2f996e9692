#pragma once
// For tests: an API server as far as list and watch go: pages, versions, events, bookmarks, 410 for versions
// that it has forgotten, 404 for kinds that it does not know; and applying a status. On the test's own
// io_context.

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <set>

#include "common/http/server.h"
#include "controlplane/kube/client.h"

namespace weft::intake::kubernetes {

using kube::Json;

class FakeKubernetes {
 public:
  explicit FakeKubernetes(boost::asio::io_context& context) : context_(context) { ComeBack(); }

  std::uint16_t port() const { return port_; }
  kube::Config config() const {
    kube::Config out;
    out.server = {"127.0.0.1", port_};
    return out;
  }
  void GoDown() { server_.reset(); }
  void ComeBack() {
    auto server = http::Server::Listen(
        context_, {net::Ip::V4(127, 0, 0, 1), port_},
        [this](const http::Request& request, const http::Reply& reply) { reply(Serve(request)); });
    if (!server) throw std::runtime_error(server.error().Text());
    server_ = std::move(*server);
    port_ = server_->address().port;
  }

  // `what`: the plural, "services", "httproutes", …
  void Put(const std::string& what, Json object) {
    const std::string key = object["metadata"]["namespace"].get<std::string>() + "/" +
                            object["metadata"]["name"].get<std::string>();
    const bool known = objects_[what].contains(key);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    objects_[what][key] = object;
    Tell(what, known ? "MODIFIED" : "ADDED", object);
  }
  void Delete(const std::string& what, const std::string& key) {
    Json object = objects_[what][key];
    objects_[what].erase(key);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    Tell(what, "DELETED", object);
  }
  const Json& Get(const std::string& what, const std::string& key) { return objects_[what][key]; }
  void Say(const std::string& what, const std::string& line) {
    events_.push_back({what, version_, line + "\n"}), Wake();
  }
  // Bytes of an event whose end never comes.
  void SayHalf(const std::string& what, const std::string& bytes) {
    events_.push_back({what, version_, bytes}), Wake();
  }
  void Forget() { oldest_ = ++version_; }  // watches from before it are 410
  void EndWatches() { ++life_, Wake(); }

  int status = 200;                 // of every answer
  std::string body_instead;         // of every list, unless empty
  std::set<std::string> absent;     // kinds that it does not know
  std::set<std::string> forbidden;  // kinds that may not be read
  std::uint64_t lists = 0, watches = 0;
  std::uint64_t applied = 0, conflicts = 0;  // of statuses
  std::string last_watch;                    // its target

 private:
  struct Event {
    std::string what;
    std::uint64_t version;
    std::string line;
  };
  class Watch;
  using Wakes = std::map<Watch*, std::function<void()>>;
  class Watch final : public http::Stream {
   public:
    Watch(FakeKubernetes& fake, std::string what, std::uint64_t from)
        : fake_(fake), what_(std::move(what)), life_(fake.life_) {
      while (next_ < fake.events_.size() && fake.events_[next_].version <= from) ++next_;
    }
    ~Watch() override { wakes_->erase(this); }
    void Start(std::function<void()> wake) override { (*wakes_)[this] = std::move(wake); }
    Piece Next() override {
      std::string bytes;
      for (; next_ < fake_.events_.size(); ++next_) {
        if (fake_.events_[next_].what == what_) bytes += fake_.events_[next_].line;
      }
      return {bytes, life_ != fake_.life_};
    }

   private:
    FakeKubernetes& fake_;
    const std::shared_ptr<Wakes> wakes_ = fake_.wakes_;  // a stream may outlive the fake
    const std::string what_;
    const int life_;
    std::size_t next_ = 0;
  };

  void Tell(const std::string& what, const std::string& type, const Json& object) {
    events_.push_back({what, version_, Json{{"type", type}, {"object", object}}.dump() + "\n"});
    Wake();
  }
  void Wake() {
    for (const auto& [watch, wake] : *wakes_) wake();
  }
  static http::Response Forbidden(const std::string& what) {
    return {403, "application/json",
            R"({"kind": "Status", "message": ")" + what + R"( is forbidden: User \"x\" cannot list"})"};
  }
  http::Response Serve(const http::Request& request) {
    const std::string path(request.Path());
    if (request.method == "PATCH") return Apply(path, Json::parse(request.body));
    const std::string what = path.substr(path.rfind('/') + 1);
    if (forbidden.contains(what)) return Forbidden(what);
    if (absent.contains(what)) return {404, "text/plain", "404 page not found"};
    if (status != 200) return {status, "application/json", Forbidden("services").body};
    return request.Query("watch") == "1" ? ServeWatch(what, request) : ServeList(what, request);
  }
  // "…/namespaces/NAMESPACE/PLURAL/NAME/status"
  http::Response Apply(const std::string& path, const Json& sent) {
    std::vector<std::string> parts;
    for (std::size_t at = 0, end = 0; end != std::string::npos; at = end + 1) {
      end = path.find('/', at);
      parts.push_back(path.substr(at, end - at));
    }
    const std::string what = parts.at(parts.size() - 3);
    const std::string key = parts.at(parts.size() - 4) + "/" + parts.at(parts.size() - 2);
    if (parts.back() != "status" || !objects_[what].contains(key)) return {404, "application/json", "{}"};
    Json object = objects_[what][key];
    if (sent["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"]) {
      ++conflicts;
      return {409, "application/json", "{}"};
    }
    ++applied;
    object["status"] = sent["status"];
    Put(what, object);
    return {200, "application/json", objects_[what][key].dump()};
  }
  http::Response ServeWatch(const std::string& what, const http::Request& request) {
    ++watches;
    last_watch = request.target;
    const std::uint64_t from = std::stoull(request.Query("resourceVersion"));
    if (from < oldest_) {
      const Json gone = {
          {"type", "ERROR"},
          {"object", {{"kind", "Status"}, {"code", 410}, {"message", "too old resource version"}}}};
      return {200, "application/json", gone.dump() + "\n"};
    }
    return {200, "application/json", {}, std::make_shared<Watch>(*this, what, from)};
  }
  http::Response ServeList(const std::string& what, const http::Request& request) {
    ++lists;
    if (!body_instead.empty()) return {200, "application/json", body_instead};
    const std::string mark = request.Query("continue");
    const std::size_t limit = std::stoull(request.Query("limit"));
    Json items = Json::array();
    std::string last;
    for (auto at = objects_[what].upper_bound(mark); at != objects_[what].end() && items.size() < limit;
         ++at) {
      items.push_back(at->second);
      last = at->first;
    }
    Json metadata = {{"resourceVersion", std::to_string(version_)}};
    if (objects_[what].upper_bound(last) != objects_[what].end() && items.size() == limit)
      metadata["continue"] = last;
    return {200, "application/json", Json{{"metadata", metadata}, {"items", items}}.dump()};
  }

  boost::asio::io_context& context_;
  std::uint16_t port_ = 0;
  std::map<std::string, std::map<std::string, Json>> objects_;
  std::vector<Event> events_;
  std::uint64_t version_ = 100, oldest_ = 0;
  int life_ = 0;
  std::shared_ptr<Wakes> wakes_ = std::make_shared<Wakes>();
  std::unique_ptr<http::Server> server_;
};

}  // namespace weft::intake::kubernetes
