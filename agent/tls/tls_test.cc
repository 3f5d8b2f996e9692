#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "agent/tls/wire.h"
#include "common/x509/certificate.h"

namespace weft::tls {
namespace {

using std::chrono::hours;
using transport::IoResult;

constexpr char kDomain[] = "spiffe://mesh.test/";
WallTime g_now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 1}};
WallTime Now() { return g_now; }

// A CA of the tests' own.
struct Authority {
  Authority() {
    root = *x509::MakeRoot(key, {"root", "", {}, {}, g_now - hours(1000), g_now + hours(10000)});
  }
  identity::MaterialPtr Issue(const std::string& uri, Duration life = hours(24),
                              Duration ago = hours(1)) const {
    const x509::Key own = *x509::Key::Generate();
    auto out = std::make_shared<identity::Material>();
    out->uri = uri;
    out->not_before = g_now - ago;
    out->not_after = out->ends = g_now + life;
    out->chain = *x509::MakeLeaf(root, key, own, {"agent", uri, {}, {}, out->not_before, out->not_after});
    out->key = own.Pem();
    out->roots = root;
    return out;
  }
  x509::Key key = *x509::Key::Generate();
  std::string root;
};

std::string Id(const std::string& service) { return std::string(kDomain) + "ns/shop/sa/" + service; }

// Counts the calls that reach the kernel.
class Counting final : public transport::Transport {
 public:
  explicit Counting(int fd) : plain_(transport::PlainTransport(fd)) {}
  Status Attach(loop::EventLoop& loop, loop::Handler& handler) override {
    return plain_->Attach(loop, handler);
  }
  void Detach() override { plain_->Detach(); }
  IoResult Read(char* into, std::size_t most) override {
    ++reads;
    return plain_->Read(into, most);
  }
  IoResult Write(const iovec* pieces, int count) override {
    ++writes;
    return plain_->Write(pieces, count);
  }
  void ShutdownWrite() override { plain_->ShutdownWrite(); }
  void AcknowledgeNow() override { plain_->AcknowledgeNow(); }
  void Close(bool reset) override { plain_->Close(reset); }
  net::Address local() const override { return plain_->local(); }
  net::Address peer() const override { return plain_->peer(); }
  int connect_error() const override { return plain_->connect_error(); }
  int reads = 0, writes = 0;

 private:
  std::unique_ptr<transport::Transport> plain_;
};

// One end: reads all that comes, writes what it is given when it can.
struct End final : loop::Handler {
  void Take(loop::EventLoop& on, std::unique_ptr<transport::Transport> made) {
    transport = std::move(made);
    ASSERT_TRUE(transport->Attach(on, *this));
  }
  void OnReady(bool readable, bool writable) override {
    if (transport == nullptr) return;
    told = true;
    if (transport->connect_error() != 0) {
      failure = transport->failure();
      failed = true;
      return;
    }
    identity = transport->peer_identity();
    if (writable) Write();
    if (readable) Read();
  }
  void Read() {
    std::array<char, 10'000> bytes;
    while (transport != nullptr) {
      const IoResult result = transport->Read(bytes.data(), bytes.size());
      if (result.kind == IoResult::Kind::kOk) got.append(bytes.data(), result.bytes);
      ended |= result.kind == IoResult::Kind::kEnd;
      broken |= result.kind == IoResult::Kind::kError;
      if (result.kind != IoResult::Kind::kOk || result.bytes < bytes.size()) return;
    }
  }
  void Write() {
    while (!out.empty()) {
      const std::size_t half = out.size() / 2;
      const iovec pieces[2] = {{out.data(), half}, {out.data() + half, out.size() - half}};
      const IoResult result = transport->Write(pieces, 2);
      if (result.bytes == 0) return;
      out.erase(0, result.bytes);
    }
    if (close_after) {
      transport->Close(false);
      transport.reset();
    }
  }
  std::unique_ptr<transport::Transport> transport;
  std::string identity, got, out;
  Reason failure = Reason::kOk;
  bool told = false, failed = false, ended = false, broken = false, close_after = false;
};

class TlsTest : public testing::Test {
 protected:
  struct Side {
    explicit Side(TlsTest& test, identity::MaterialPtr material, Least least = Least::kTls13)
        : contexts(holder, least, [](const std::string& text) { ADD_FAILURE() << text; }),
          wire(
              test.loop_, contexts, [this](const Handshake& h) { handshakes.push_back(h); }, Now) {
      holder.Set(std::move(material));
    }
    identity::Holder holder;
    Contexts contexts;
    std::vector<Handshake> handshakes;
    Wire wire;
  };

  void Connect(Side& client, Side& server, const std::string& expected) {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    auto near = std::make_unique<Counting>(fds[0]), far = std::make_unique<Counting>(fds[1]);
    near_ = near.get();
    far_ = far.get();
    server_.Take(loop_, server.wire.Server(std::move(far), server.wire.Usable(), {}));
    client_.Take(loop_, client.wire.Client(std::move(near), client.wire.Usable(), expected));
  }
  template <class Done>
  void RunUntil(Done done) {
    for (int i = 0; i < 20'000 && !done(); ++i) loop_.RunOnce(std::chrono::milliseconds(i < 100 ? 0 : 1));
    EXPECT_TRUE(done());
  }
  void Drop() {
    for (End* end : {&client_, &server_}) {
      if (end->transport != nullptr) end->transport->Close(true);
      end->transport.reset();
      *end = End();
    }
  }
  ~TlsTest() override { Drop(); }

  Authority ca_;
  loop::EventLoop loop_;
  End client_, server_;
  Counting *near_ = nullptr, *far_ = nullptr;
};

TEST_F(TlsTest, BothSidesKnowEachOtherAndTheBytesArrive) {
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, ca_.Issue(Id("cart")));
  client_.out = "ping";
  server_.out = "pong";
  Connect(web, cart, Id("cart"));
  RunUntil([&] { return client_.got == "pong" && server_.got == "ping"; });
  EXPECT_EQ(client_.identity, Id("cart"));
  EXPECT_EQ(server_.identity, Id("web"));
  EXPECT_EQ(server_.transport->alpn(), kProtocol);
  ASSERT_EQ(web.handshakes.size(), 1U);
  EXPECT_FALSE(web.handshakes[0].server);
  EXPECT_TRUE(cart.handshakes.at(0).server);
}

TEST_F(TlsTest, ManyBytesBothWaysAndHalfCloses) {
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, ca_.Issue(Id("cart")));
  const std::string up(3'000'000, 'u'), down(2'000'000, 'd');
  client_.out = up;
  server_.out = down;
  Connect(web, cart, Id("cart"));
  RunUntil([&] { return client_.got.size() == down.size() && server_.got.size() == up.size(); });
  EXPECT_EQ(client_.got, down);
  EXPECT_EQ(server_.got, up);
  client_.transport->ShutdownWrite();
  RunUntil([&] { return server_.ended; });
  server_.out = "after your end";
  server_.Write();
  RunUntil([&] { return client_.got.ends_with("after your end"); });
  EXPECT_FALSE(client_.ended);
  EXPECT_FALSE(server_.broken);
}

TEST_F(TlsTest, ATurnReceivesOnceAndSendsOnce) {
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, ca_.Issue(Id("cart")));
  client_.out = "ping";
  Connect(web, cart, Id("cart"));
  RunUntil([&] { return server_.got == "ping"; });
  loop_.RunOnce(Duration::zero());
  near_->reads = near_->writes = far_->reads = far_->writes = 0;
  client_.out = std::string(40'000, 'x');  // three records
  client_.Write();
  RunUntil([&] { return server_.got.size() == 40'004; });
  EXPECT_EQ(near_->writes, 1);
  EXPECT_EQ(far_->reads, 1);
  EXPECT_EQ(far_->writes, 0);
}

TEST_F(TlsTest, AnotherServiceIsRefusedByItsName) {
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, ca_.Issue(Id("cart")));
  Connect(web, cart, Id("payments"));
  RunUntil([&] { return client_.failed; });
  EXPECT_EQ(client_.failure, Reason::kPeerIdentity);
  EXPECT_EQ(web.handshakes.at(0).reason, Reason::kPeerIdentity);
  EXPECT_TRUE(client_.identity.empty());
}

TEST_F(TlsTest, AForeignRootIsRefusedByBoth) {
  const Authority other;
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, other.Issue(Id("cart")));
  Connect(web, cart, Id("cart"));
  RunUntil([&] { return client_.failed && server_.failed; });
  EXPECT_EQ(client_.failure, Reason::kPeerUntrusted);
  EXPECT_EQ(server_.failure, Reason::kIdentityRefused);
}

TEST_F(TlsTest, OtherDomainsAndOtherFormsAreRefused) {
  for (const char* uri : {"spiffe://elsewhere/ns/shop/sa/cart", "spiffe://mesh.test/control-plane"}) {
    Side web(*this, ca_.Issue(Id("web"))), odd(*this, ca_.Issue(uri));
    Connect(web, odd, uri);
    RunUntil([&] { return client_.failed; });
    EXPECT_EQ(client_.failure, Reason::kPeerUntrusted) << uri;
    Drop();
    Connect(odd, web, Id("web"));
    RunUntil([&] { return server_.failed; });
    EXPECT_EQ(server_.failure, Reason::kPeerUntrusted) << uri;
    Drop();
  }
}

TEST_F(TlsTest, AnExpiredCertificateIsRefusedOnEitherSideAtEachHandshakeAlsoAResumedOne) {
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, ca_.Issue(Id("cart"), hours(2)));
  client_.out = "ping";
  server_.out = "pong";
  Connect(web, cart, Id("cart"));
  RunUntil([&] { return client_.got == "pong"; });
  EXPECT_EQ(web.wire.sessions(), 1U);
  const tls::ContextPtr held = cart.wire.Usable();
  const WallTime before = g_now;
  g_now += hours(3);
  for (int i = 0; i < 2; ++i) {
    Drop();
    EXPECT_EQ(cart.wire.Usable(), nullptr) << "its own end is known";
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    server_.Take(loop_, cart.wire.Server(transport::PlainTransport(fds[1]), held, {}));
    client_.Take(loop_, web.wire.Client(transport::PlainTransport(fds[0]), web.wire.Usable(), Id("cart")));
    RunUntil([&] { return client_.failed; });
    EXPECT_EQ(client_.failure, Reason::kPeerExpired);
  }
  Drop();
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  server_.Take(loop_, web.wire.Server(transport::PlainTransport(fds[1]), web.wire.Usable(), {}));
  client_.Take(loop_, cart.wire.Client(transport::PlainTransport(fds[0]), held, Id("web")));
  RunUntil([&] { return server_.failed; });
  EXPECT_EQ(server_.failure, Reason::kPeerExpired);
  RunUntil([&] { return client_.broken || client_.failed; });
  EXPECT_EQ(client_.transport->failure(), Reason::kIdentityRefused);
  g_now = before;
}

identity::MaterialPtr Revoking(const identity::MaterialPtr& material, x509::Revoked one) {
  auto out = std::make_shared<identity::Material>(*material);
  out->revoked = x509::MakeRevoked({std::move(one)});
  return out;
}

TEST_F(TlsTest, ARevokedCertificateIsRefusedOnEitherSideAndALaterOneIsGood) {
  const identity::MaterialPtr web = ca_.Issue(Id("web")), cart = ca_.Issue(Id("cart"));
  Side refusing(*this, Revoking(web, {x509::Read(cart->chain)->serial, {}, {}})), served(*this, cart);
  Connect(refusing, served, Id("cart"));
  RunUntil([&] { return client_.failed; });
  EXPECT_EQ(client_.failure, Reason::kPeerRevoked);
  Drop();
  Side strict(*this, Revoking(cart, {{}, Id("web"), x509::Read(web->chain)->not_before})),
      calling(*this, web);
  Connect(calling, strict, Id("cart"));
  RunUntil([&] { return server_.failed; });
  EXPECT_EQ(server_.failure, Reason::kPeerRevoked);
  Drop();
  calling.holder.Set(ca_.Issue(Id("web"), hours(24), std::chrono::minutes(1)));
  client_.out = "ping";
  Connect(calling, strict, Id("cart"));
  RunUntil([&] { return server_.got == "ping"; });
}

TEST_F(TlsTest, WhatWasRevokedDuringAHandshakeIsRefusedAtItsEnd) {
  const identity::MaterialPtr web = ca_.Issue(Id("web")), cart = ca_.Issue(Id("cart"));
  Side calling(*this, web), called(*this, cart);
  client_.out = "ping";
  Connect(calling, called, Id("cart"));
  called.holder.Set(Revoking(cart, {x509::Read(web->chain)->serial, {}, {}}));
  RunUntil([&] { return server_.failed; });
  EXPECT_EQ(server_.failure, Reason::kPeerRevoked);
  EXPECT_EQ(server_.got, "");
}

TEST_F(TlsTest, AConnectionEndsWhenTheCertificateOfItsPeerIsRevoked) {
  const identity::MaterialPtr web = ca_.Issue(Id("web")), cart = ca_.Issue(Id("cart"));
  Side calling(*this, web), called(*this, cart);
  client_.out = "one";
  Connect(calling, called, Id("cart"));
  RunUntil([&] { return server_.got == "one"; });
  called.holder.Set(Revoking(cart, {"00", {}, {}}));
  client_.out = " two";
  client_.Write();
  RunUntil([&] { return server_.got == "one two"; });
  called.holder.Set(Revoking(cart, {x509::Read(web->chain)->serial, {}, {}}));
  client_.out = " three";
  client_.Write();
  RunUntil([&] { return server_.broken; });
  EXPECT_EQ(server_.got, "one two") << "nothing more is heard";
  EXPECT_EQ(server_.transport->failure(), Reason::kPeerRevoked);
  EXPECT_EQ(called.handshakes.back().reason, Reason::kPeerRevoked);
}

TEST_F(TlsTest, OurWrongClockRefusesNobody) {
  const identity::MaterialPtr web = ca_.Issue(Id("web")), cart = ca_.Issue(Id("cart"));
  auto late = std::make_shared<identity::Material>(*web);
  const WallTime before = g_now;
  g_now += hours(500);  // so that is what our clock showed when the certificate came
  late->ends = g_now + hours(24);
  auto there = std::make_shared<identity::Material>(*cart);
  there->ends = late->ends;
  Side one(*this, late), other(*this, there);
  client_.out = "ping";
  Connect(one, other, Id("cart"));
  RunUntil([&] { return server_.got == "ping"; });
  g_now = before;
}

TEST_F(TlsTest, SessionsGoOnUntilTheCertificateChanges) {
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, ca_.Issue(Id("cart")));
  for (int i = 0; i < 3; ++i) {
    if (i == 2) cart.holder.Set(ca_.Issue(Id("cart")));
    client_.out = "ping";
    server_.out = "pong";
    Connect(web, cart, Id("cart"));
    RunUntil([&] { return client_.got == "pong" && server_.got == "ping"; });
    EXPECT_EQ(server_.identity, Id("web")) << "also of a session that goes on";
    Drop();
  }
  ASSERT_EQ(web.handshakes.size(), 3U);
  EXPECT_FALSE(web.handshakes[0].resumed);
  EXPECT_TRUE(web.handshakes[1].resumed);
  EXPECT_TRUE(cart.handshakes[1].resumed);
  EXPECT_FALSE(web.handshakes[2].resumed);
}

TEST_F(TlsTest, AConnectionOutlivesTheRotationOfItsCertificate) {
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, ca_.Issue(Id("cart")));
  client_.out = "one";
  Connect(web, cart, Id("cart"));
  RunUntil([&] { return server_.got == "one"; });
  web.holder.Set(ca_.Issue(Id("web")));
  cart.holder.Set(ca_.Issue(Id("cart")));
  client_.out = " two";
  client_.Write();
  RunUntil([&] { return server_.got == "one two"; });
}

TEST_F(TlsTest, AClosedConnectionStillDeliversWhatItTook) {
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, ca_.Issue(Id("cart")));
  const std::string all(300'000, 'a');  // more than the kernel holds, less than we encrypt at once
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  const int small = 16 * 1024;
  setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  server_.out = all;
  server_.close_after = true;
  server_.Take(loop_, cart.wire.Server(transport::PlainTransport(fds[1]), cart.wire.Usable(), {}));
  client_.Take(loop_, web.wire.Client(transport::PlainTransport(fds[0]), web.wire.Usable(), Id("cart")));
  RunUntil([&] { return client_.ended || client_.broken; });
  EXPECT_EQ(client_.got.size(), all.size());
  EXPECT_TRUE(client_.ended) << "with its close_notify";
  EXPECT_EQ(cart.wire.parting(), 0U);
}

TEST_F(TlsTest, AnEndWithoutNoticeIsNoEnd) {
  Side web(*this, ca_.Issue(Id("web"))), cart(*this, ca_.Issue(Id("cart")));
  client_.out = "ping";
  Connect(web, cart, Id("cart"));
  RunUntil([&] { return server_.got == "ping"; });
  far_->ShutdownWrite();  // as somebody on the way may do
  RunUntil([&] { return client_.broken; });
  EXPECT_FALSE(client_.ended);
}

TEST_F(TlsTest, WhateverComesInsteadOfAHandshakeEndsIt) {
  Side cart(*this, ca_.Issue(Id("cart")));
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("\x16\x03\x01\x00\x05hello", 10),
        std::string(20'000, '\x16'), std::string("\x16\x03\x03\x40\x01", 5)}) {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    server_.Take(loop_, cart.wire.Server(transport::PlainTransport(fds[1]), cart.wire.Usable(), bytes));
    close(fds[0]);
    RunUntil([&] { return server_.failed; });
    EXPECT_EQ(server_.failure, Reason::kTlsFailed);
    Drop();
  }
}

TEST(IdentityNameTest, OnlyAgentsHaveNames) {
  EXPECT_EQ(IdentityOf(kDomain, "shop", "cart"), Id("cart"));
  ASSERT_TRUE(ReadIdentity(Id("cart")));
  EXPECT_EQ(ReadIdentity(Id("cart"))->ns, "shop");
  EXPECT_EQ(ReadIdentity(Id("cart"))->service, "cart");
  for (const char* odd :
       {"", "spiffe://", "spiffe://d", "spiffe://d/ns/a", "spiffe://d/ns/a/sa/", "spiffe://d/ns//sa/b",
        "spiffe://d/ns/a/sa/b/c", "spiffe://d/ns/a/b/sa/c", "https://d/ns/a/sa/b"})
    EXPECT_FALSE(ReadIdentity(odd)) << odd;
}

}  // namespace
}  // namespace weft::tls
