// Watches of resources, by REST lines and gRPC.
#include <condition_variable>

#include "controlplane/app/program_fixture.h"

namespace weft::control {
namespace {

std::string Labelled(const std::string& name, const std::string& label) {
  return "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: " + name + ", labels: {app: " + label +
         "}}\nspec: {ports: [{port: 80}]}\n";
}

// Reads the lines of a watch on a thread of its own: "ADDED 1 cart" each.
class LineReader {
 public:
  LineReader(net::HostPort where, const std::string& target)
      : thread_([this, where, target] {
          http::CallOptions options;
          options.timeout = std::chrono::seconds(30);
          options.on_data = [this](std::string_view bytes) { return Take(bytes); };
          http::Request request;
          request.target = "/api/v1/" + target;
          const auto answer = http::Call(where, request, options);
          const std::lock_guard lock(mutex_);
          status_ = answer ? answer->status : 0;
          changed_.notify_all();
        }) {}
  ~LineReader() { Leave(); }
  void Leave() {
    leaving_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::string Await(std::size_t lines) {  // the first so many lines, or what came in 20 s
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return lines_.size() >= lines; });
    std::string all;
    for (const std::string& line : lines_) all += line + "; ";
    return all;
  }
  int AwaitEnd() {  // the status; 0: the connection failed
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return status_.has_value(); });
    return status_.value_or(-1);
  }

 private:
  bool Take(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    rest_ += bytes;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
      const json line = json::parse(rest_.substr(0, end));
      rest_.erase(0, end + 1);
      std::string text = line["type"].get<std::string>();
      if (line.contains("revision")) text += " " + line["revision"].dump();
      if (line.contains("resource")) text += " " + line["resource"]["metadata"]["name"].get<std::string>();
      if (line.contains("error")) text += " " + line["error"]["code"].get<std::string>();
      lines_.push_back(std::move(text));
    }
    changed_.notify_all();
    return !leaving_;
  }

  std::atomic<bool> leaving_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  std::string rest_;
  std::optional<int> status_;
  std::thread thread_;
};

class WatchTest : public ProgramTest {
 protected:
  WatchTest() { Begin(); }
  net::HostPort Where() const { return {"127.0.0.1", program->http().port}; }
  void Write(const std::string& text) { ASSERT_EQ(Apply(text).status, 200); }
};

TEST_F(WatchTest, FirstWhatIsThereThenABookmarkThenEachChange) {
  Write(Labelled("cart", "a"));
  LineReader reader(Where(), "resources/meshservices?watch=true");
  EXPECT_EQ(reader.Await(2), "ADDED 1 cart; BOOKMARK 1; ");
  Write(Labelled("cart", "b"));
  Write(Labelled("stock", "b"));
  ASSERT_EQ(Call("DELETE", "/api/v1/services/default/cart").status, 200);
  EXPECT_EQ(reader.Await(5), "ADDED 1 cart; BOOKMARK 1; MODIFIED 2 cart; ADDED 3 stock; DELETED 4 cart; ");
  End();
  EXPECT_EQ(reader.Await(6),
            "ADDED 1 cart; BOOKMARK 1; MODIFIED 2 cart; ADDED 3 stock; DELETED 4 cart; ERROR unavailable; ");
  EXPECT_EQ(reader.AwaitEnd(), 200) << "the body ended as a body should";
}

TEST_F(WatchTest, AWatchGoesOnFromARevisionAlsoAfterARestart) {
  for (const char* name : {"a", "b", "c"}) Write(Labelled(name, "x"));
  {
    LineReader live(Where(), "resources?watch=true&from=1");
    EXPECT_EQ(live.Await(3), "BOOKMARK 1; ADDED 2 b; ADDED 3 c; ");
    End();
  }
  Begin();
  LineReader reader(Where(), "resources?watch=true&from=2");
  EXPECT_EQ(reader.Await(2), "ADDED 3 c; BOOKMARK 3; ");
  Write(Labelled("d", "x"));
  EXPECT_EQ(reader.Await(3), "ADDED 3 c; BOOKMARK 3; ADDED 4 d; ");
  End();
}

TEST_F(WatchTest, AChangeThatCrossesTheSelectorIsAddedOrDeleted) {
  LineReader reader(Where(), "resources?watch=true&labelSelector=app=a&namespace=default");
  EXPECT_EQ(reader.Await(1), "BOOKMARK 0; ");
  Write(Labelled("cart", "b"));
  Write(Labelled("cart", "a"));
  Write(Labelled("cart", "b"));
  EXPECT_EQ(reader.Await(3), "BOOKMARK 0; ADDED 2 cart; DELETED 3 cart; ");
  End();
}

TEST_F(WatchTest, AnUnknownRevisionMeansListAgainAndBadInputNamesItsField) {
  const auto gone = Call("GET", "/api/v1/resources?watch=true&from=9");
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(Body(gone)["error"]["code"], "gone");
  EXPECT_EQ(Field(Call("GET", "/api/v1/resources?watch=true&from=x")), "from");
  EXPECT_EQ(Field(Call("GET", "/api/v1/resources?watch=maybe")), "watch");
  EXPECT_EQ(Field(Call("GET", "/api/v1/resources?watch=true&limit=3")), "limit");
  EXPECT_EQ(Field(Call("GET", "/api/v1/resources?from=3")), "from");
  EXPECT_EQ(Field(Call("GET", "/api/v1/resources/potatoes?watch=true")), "kind");
}

TEST_F(WatchTest, GrpcStreamsTheSameAndEndsWithTheServer) {
  Write(Labelled("cart", "a"));
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_kind("meshservices");
  const auto stream = config->Watch(&context, request);
  v1::WatchEvent event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.type(), v1::WatchEvent::ADDED);
  EXPECT_EQ(event.resource().source(), "api");
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.type(), v1::WatchEvent::BOOKMARK);
  Write(Labelled("cart", "b"));
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.type(), v1::WatchEvent::MODIFIED);
  EXPECT_EQ(event.revision(), 2U);
  End();
  EXPECT_FALSE(stream->Read(&event));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);

  Begin();
  grpc::ClientContext late;
  request.set_from(7);
  const auto refused = config->Watch(&late, request);
  EXPECT_FALSE(refused->Read(&event));
  EXPECT_EQ(refused->Finish().error_code(), grpc::StatusCode::OUT_OF_RANGE);
}

}  // namespace
}  // namespace weft::control
