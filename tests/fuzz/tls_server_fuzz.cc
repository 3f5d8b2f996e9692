// What a stranger sends where another agent's handshake is expected, in pieces of any size: it never becomes
// a connection, ends with one reason at most, and nothing is read past its end.
#include "agent/tls/wire.h"
#include "common/x509/certificate.h"
#include "tests/fuzz/require.h"

using namespace weft;
using fuzz::Require;
using transport::IoResult;

namespace {

// Hands out the bytes piece by piece, then the end.
class Pieces final : public transport::Transport {
 public:
  Pieces(std::string_view bytes, std::size_t piece) : bytes_(bytes), piece_(piece) {}
  Status Attach(loop::EventLoop&, loop::Handler& handler) override {
    handler_ = &handler;
    return {};
  }
  void Detach() override { handler_ = nullptr; }
  IoResult Read(char* into, std::size_t most) override {
    if (bytes_.empty()) return {IoResult::Kind::kEnd, 0, 0};
    if (std::exchange(waits_, !waits_)) return {IoResult::Kind::kWouldBlock, 0, 0};
    const std::size_t size = std::min({piece_, most, bytes_.size()});
    std::copy_n(bytes_.data(), size, into);
    bytes_.remove_prefix(size);
    return {IoResult::Kind::kOk, size, 0};
  }
  IoResult Write(const iovec* pieces, int count) override {
    std::size_t size = 0;
    for (int i = 0; i < count; ++i) size += pieces[i].iov_len;
    return {IoResult::Kind::kOk, size, 0};
  }
  void ShutdownWrite() override {}
  void AcknowledgeNow() override {}
  void Close(bool) override { handler_ = nullptr; }
  net::Address local() const override { return {}; }
  net::Address peer() const override { return {}; }
  int connect_error() const override { return 0; }
  void Ready() {
    if (handler_ != nullptr) handler_->OnReady(true, true);
  }

 private:
  std::string_view bytes_;
  const std::size_t piece_;
  loop::Handler* handler_ = nullptr;
  bool waits_ = false;
};

struct Ends final : loop::Handler {
  void OnReady(bool, bool) override { ++told; }
  int told = 0;
};

// One identity for the whole run.
struct Agent {
  Agent() {
    const WallTime now = ReadWallClock();
    const x509::Key root_key = *x509::Key::Generate(), own = *x509::Key::Generate();
    auto material = std::make_shared<identity::Material>();
    material->uri = "spiffe://mesh/ns/shop/sa/cart";
    material->not_before = now - std::chrono::hours(1);
    material->not_after = material->ends = now + std::chrono::hours(1000);
    material->roots =
        *x509::MakeRoot(root_key, {"root", "", {}, {}, material->not_before, material->not_after});
    material->chain =
        *x509::MakeLeaf(material->roots, root_key, own,
                        {"cart", material->uri, {}, {}, material->not_before, material->not_after});
    material->key = own.Pem();
    holder.Set(material);
  }
  identity::Holder holder;
  loop::EventLoop loop;
  tls::Contexts contexts{holder, tls::Least::kTls12, [](const std::string&) {}};
  int handshakes = 0;
  tls::Wire wire{loop, contexts,
                 [this](const tls::Handshake& ended) {
                   Require(ended.reason != Reason::kOk, "a connection without a certificate");
                   ++handshakes;
                 },
                 ReadWallClock};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Agent& agent = *new Agent();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t first = std::min<std::size_t>(size, size % 7);  // what detection had read
  auto pieces = std::make_unique<Pieces>(bytes.substr(first), size % 61 + 1);
  Pieces& stranger = *pieces;
  agent.handshakes = 0;
  Ends ends;
  auto secured =
      agent.wire.Server(std::move(pieces), agent.wire.Usable(), std::string(bytes.substr(0, first)));
  Require(secured->Attach(agent.loop, ends).has_value(), "attached");
  for (std::size_t i = 0; i < 2 * size + 4 && ends.told == 0; ++i) stranger.Ready();
  Require(ends.told == 1 && agent.handshakes == 1, "its end is told once");
  Require(secured->failure() != Reason::kOk && secured->peer_identity().empty(), "no caller");
  secured->Close(false);
  agent.loop.RunOnce(Duration::zero());
  return 0;
}
