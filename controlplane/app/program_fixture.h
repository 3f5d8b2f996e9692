#pragma once
// For the tests of this folder: the whole program in the test's process, called through its real listeners.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/http/client.h"
#include "controlplane/app/program.h"
#include "weft/v1/config.grpc.pb.h"
#include "weft/v1/registry.grpc.pb.h"

namespace weft::control {

using nlohmann::json;

inline constexpr const char* kCart = R"(
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart}
spec: {ports: [{name: http, port: 80, protocol: HTTP}]}
)";
inline constexpr const char* kRoute = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart}
spec:
  parentRefs: [{group: weft.dev, kind: MeshService, name: cart}]
  rules: [{backendRefs: [{group: weft.dev, kind: MeshService, name: cart, port: 80}]}]
)";

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    std::string pattern = testing::TempDir() + "weft-app-XXXXXX";
    folder = mkdtemp(pattern.data());
    settings.grpc.port = settings.http.port = 0;
    settings.data = folder + "/data";
  }
  ~ProgramTest() override {
    End();
    std::filesystem::remove_all(folder);
  }
  void Begin() {
    auto started = Program::Start(settings);
    ASSERT_TRUE(started) << started.error().Text();
    program = std::move(*started);
    runner = std::thread([this] { program->Run(); });
    channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(program->grpc().port),
                                  grpc::InsecureChannelCredentials());
    config = v1::Config::NewStub(channel);
    registry = v1::Registry::NewStub(channel);
  }
  void End() {
    if (!program) return;
    program->Stop();
    runner.join();
    program.reset();
  }
  http::Response Call(const std::string& method, const std::string& target, std::string body = {},
                      http::Fields headers = {}) const {
    auto answer = http::Call({"127.0.0.1", program->http().port},
                             {method, target, std::move(headers), std::move(body), {}});
    return answer ? *answer : http::Text(0, answer.error().Text());
  }
  // A file that only its owner reads.
  void WriteTokens(const std::string& lines) {
    settings.token_file = folder + "/tokens";
    std::ofstream(settings.token_file) << lines;
    std::filesystem::permissions(settings.token_file,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  static json Body(const http::Response& response) { return json::parse(response.body, nullptr, false); }
  static std::string Field(const http::Response& response) { return Body(response)["error"]["field"]; }
  http::Response Apply(const std::string& text, http::Fields headers = {}) const {
    return Call("POST", "/api/v1/apply", text, std::move(headers));
  }

  std::string folder;
  Settings settings;
  std::unique_ptr<Program> program;
  std::thread runner;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Config::Stub> config;
  std::unique_ptr<v1::Registry::Stub> registry;
};

}  // namespace weft::control
