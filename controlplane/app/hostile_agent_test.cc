// Agents that mean the control plane ill: refused with a reason, while memory stays bounded and another agent
// notices nothing.
// (Users who do: tests/integration/hostile_api_test.py.)
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <malloc.h>

#include <sstream>

#include "common/wire/wire.h"
#include "controlplane/app/program_fixture.h"
#include "controlplane/app/scripted_agents.h"
#include "controlplane/stream/session.h"

namespace weft::control {
namespace {

using Buffer = grpc::ByteBuffer;

std::size_t StatusKib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::stoul(line.substr(field.size() + 1));
  }
  return 0;
}
std::size_t ResidentKib() { return StatusKib("VmRSS"); }
// The most that was resident since the last call of ForgetPeak.
std::size_t PeakKib() { return StatusKib("VmHWM"); }
void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

// So many MiB of one memory.
Buffer Megabytes(std::size_t count) {
  static const std::string megabyte(1 << 20, '\n');
  const std::vector<grpc::Slice> slices(count, grpc::Slice(megabyte));
  return {slices.data(), slices.size()};
}

// A call whose messages are any bytes.
struct Raw {
  explicit Raw(const std::shared_ptr<grpc::Channel>& channel, bool compressed = false) {
    if (compressed) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    const grpc::internal::RpcMethod method("/weft.v1.Mesh/Connect", grpc::internal::RpcMethod::BIDI_STREAMING,
                                           channel);
    stream.reset(
        grpc::internal::ClientReaderWriterFactory<Buffer, Buffer>::Create(channel.get(), method, &context));
  }
  bool Send(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    return stream->Write(Buffer(&slice, 1));
  }
  bool Send(const v1::AgentMessage& message) { return Send(message.SerializeAsString()); }
  grpc::Status End() {
    Buffer ignored;
    while (stream->Read(&ignored)) continue;
    return stream->Finish();
  }
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<Buffer, Buffer>> stream;
};

v1::AgentMessage Hello(const std::string& node) {
  v1::AgentMessage message;
  message.mutable_hello()->set_node_id(node);
  message.mutable_hello()->set_namespace_("default");
  return message;
}

class HostileAgentTest : public ProgramTest {
 protected:
  void SetUp() override {
    Begin();
    ASSERT_EQ(Apply(kCart).status, 200);
    good = std::make_unique<ScriptedAgent>(channel, "good", "cart", 0);
    AwaitGood(1);
    before_kib = ResidentKib();
  }
  void TearDown() override {
    ASSERT_EQ(Apply(kRoute).status, 200);
    AwaitGood(2);
    malloc_trim(0);
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
    EXPECT_LT(ResidentKib(), before_kib + (96U << 10U)) << "memory is bounded, or let go";
#endif
    good.reset();
  }
  void AwaitGood(std::uint64_t revision) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (good->revision() < revision && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    EXPECT_GE(good->revision(), revision) << "the good agent was harmed";
  }
  // A connection of its own: what ends it ends no other stream.
  std::shared_ptr<grpc::Channel> Own() const {
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(program->grpc().port),
                                     grpc::InsecureChannelCredentials(), own);
  }

  std::unique_ptr<ScriptedAgent> good;
  std::size_t before_kib = 0;
};

TEST_F(HostileAgentTest, AMessageOfAGigabyteIsRefusedByItsLengthAndNeverHeld) {
  ForgetPeak();
  [[maybe_unused]] const std::size_t before = PeakKib();
  Raw raw(Own());
  ASSERT_TRUE(raw.Send(Hello("big")));
  raw.stream->Write(Megabytes(1024));
  const grpc::Status status = raw.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LT(PeakKib(), before + (64U << 10U));
#endif
}

// gRPC reads the message of a unary call before anybody is asked who calls.
TEST_F(HostileAgentTest, AGigabyteForACallIsNotHeldEither) {
  ForgetPeak();
  [[maybe_unused]] const std::size_t before = PeakKib();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(Own());
  const auto call = stub.PrepareUnaryCall(&context, "/weft.v1.Config/Apply", Megabytes(1024), &queue);
  call->StartCall();
  Buffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, this);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LT(PeakKib(), before + (64U << 10U));
#endif
}

TEST_F(HostileAgentTest, ACompressedMessageWhichMayBecomeAnySizeIsRefused) {
  Raw raw(Own(), true);
  raw.Send(Hello("small"));
  raw.stream->Write(Megabytes(64));
  const grpc::Status status = raw.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
}

TEST_F(HostileAgentTest, TheLongestHelloOfAnHonestAgentIsTaken) {
  v1::AgentMessage message = Hello("widest");
  for (std::size_t i = 0; i < stream::kMaxSubscriptions; ++i) {
    v1::HeldService& held = *message.mutable_hello()->add_held();
    const std::string number = std::to_string(i);
    held.mutable_service()->set_namespace_(std::string(63, 'n'));
    held.mutable_service()->set_name(std::string(63 - number.size(), 's') + number);
    held.set_bundle_hash(std::string(64, 'a'));
    held.set_endpoints_store_id(std::string(32, 'b'));
    held.set_endpoints_epoch(~0ULL);
    held.set_endpoints_version(~0ULL);
    held.set_endpoints_hash(std::string(64, 'c'));
  }
  Raw raw(Own());
  ASSERT_TRUE(raw.Send(message));
  Buffer answer;
  EXPECT_TRUE(raw.stream->Read(&answer)) << message.ByteSizeLong() << " bytes";
  raw.stream->WritesDone();
  EXPECT_TRUE(raw.End().ok());
}

TEST_F(HostileAgentTest, MessagesInTheWrongOrderEndTheStreamWithTheFieldThatIsWrong) {
  v1::AgentMessage subscribe, ack;
  subscribe.mutable_subscribe();
  ack.mutable_ack()->set_sequence(1);
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{subscribe.SerializeAsString()}, "hello"},
      {{ack.SerializeAsString()}, "hello"},
      {{""}, "hello"},
      {{Hello("twice").SerializeAsString(), Hello("twice").SerializeAsString()}, "one hello"},
      {{std::string(1000, '\xff')}, "AgentMessage"},
      {{Hello("then-noise").SerializeAsString(), std::string(1000, '\xff')}, "AgentMessage"},
      {{Hello("").SerializeAsString()}, "node_id"},
      {{Hello(std::string(1000, 'n')).SerializeAsString()}, "node_id"},
  };
  for (const auto& [messages, told] : cases) {
    Raw raw(Own());
    for (const std::string& message : messages) raw.Send(message);
    const grpc::Status status = raw.End();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << told;
    EXPECT_NE(status.error_message().find(told), std::string::npos) << status.error_message();
  }
}

TEST_F(HostileAgentTest, SubscriptionsWithoutEndAreRefusedAtTheirBound) {
  Raw raw(Own());
  ASSERT_TRUE(raw.Send(Hello("greedy")));
  std::thread reader([&] {
    Buffer ignored;
    while (raw.stream->Read(&ignored)) continue;
  });
  bool open = true;
  for (int i = 0; i < 1000 && open; ++i) {
    v1::AgentMessage message;
    for (int k = 0; k < 1000; ++k) {
      v1::ServiceKey& key = *message.mutable_subscribe()->add_services();
      key.set_namespace_("default");
      key.set_name("none-" + std::to_string(i * 1000 + k));
    }
    open = raw.Send(message);
  }
  reader.join();
  const grpc::Status status = raw.stream->Finish();
  EXPECT_FALSE(open);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find("10000"), std::string::npos) << status.error_message();
}

TEST_F(HostileAgentTest, AcknowledgementsOfWhatWasNeverSentChangeNothing) {
  Raw raw(Own());
  ASSERT_TRUE(raw.Send(Hello("liar")));
  for (int i = 0; i < 200; ++i) {
    v1::AgentMessage message;
    v1::Ack& ack = *message.mutable_ack();
    ack.set_sequence(1'000'000 + static_cast<std::uint64_t>(i));
    ack.mutable_effective()->set_store_id("elsewhere");
    ack.mutable_effective()->set_revision(~0ULL);
    for (int k = 0; k < 50; ++k) {
      v1::BundleNack& nack = *ack.add_rejected();
      nack.mutable_service()->set_namespace_("default");
      nack.mutable_service()->set_name("cart");
      nack.set_hash("made-up");
      nack.set_detail("no");
    }
    ASSERT_TRUE(raw.Send(message));
  }
  raw.stream->WritesDone();
  EXPECT_TRUE(raw.End().ok());
}

TEST_F(HostileAgentTest, ANodeThatOpensStreamsInALoopIsToldToWait) {
  const auto channel_of_its_own = Own();
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    Raw raw(channel_of_its_own);
    raw.Send(Hello("looping"));
    raw.stream->WritesDone();
    const grpc::Status status = raw.End();
    if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) continue;
    ++refused;
    EXPECT_NE(status.error_message().find("looping"), std::string::npos);
    EXPECT_EQ(raw.context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1U);
  }
  EXPECT_GE(refused, 1) << "twenty in ten seconds are allowed";
}

}  // namespace
}  // namespace weft::control
