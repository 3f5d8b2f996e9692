// TLS over a transport. The library reads from and writes to memory: a call of ours receives once into the
// worker's buffer, lets the library take what it can, and sends all records that it made at once. Ciphertext
// that is left over (part of a record; what the kernel did not take) moves into the connection.

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/tls/library.h"
#include "agent/tls/wire.h"

namespace weft::tls {
namespace {

using transport::IoResult;
using Kind = IoResult::Kind;
using SslPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;

constexpr Duration kPartingMost = std::chrono::seconds(5);
constexpr std::size_t kMostQueued = 256 * 1024;  // ciphertext of one call before it is sent

// The alert that a peer ended the handshake with, as what it says of us.
Reason ReasonOf(unsigned long error) {
  switch (ERR_GET_REASON(error)) {
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return Reason::kIdentityRefused;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return Reason::kPeerUntrusted;
    default: return Reason::kTlsFailed;
  }
}

}  // namespace

// A closed connection whose last bytes the kernel has not taken yet. Deletes itself.
class Parting final : public loop::Handler {
 public:
  Parting(Wire& wire, std::unique_ptr<transport::Transport> over, std::string rest)
      : wire_(wire), over_(std::move(over)), rest_(std::move(rest)) {
    wire_.parting_.insert(this);
    timer_.Bind(
        wire.loop_.timers(), [](void* self, TimePoint) { static_cast<Parting*>(self)->End(true); }, this);
    timer_.Set(wire.loop_.now() + kPartingMost);
    if (!over_->Attach(wire.loop_, *this)) End(true);
  }

  void OnReady(bool, bool writable) override {
    if (!writable || over_ == nullptr) return;
    const iovec piece{rest_.data(), rest_.size()};
    const IoResult result = over_->Write(&piece, 1);
    if (result.kind == Kind::kError) return End(true);
    rest_.erase(0, result.bytes);
    if (rest_.empty()) End(false);
  }

  void End(bool reset) {
    if (over_ == nullptr) return;
    over_->Close(reset);
    over_.reset();
    timer_.Cancel();
    wire_.parting_.erase(this);
    wire_.loop_.Later([](void* self) { delete static_cast<Parting*>(self); }, this);
  }

 private:
  Wire& wire_;
  std::unique_ptr<transport::Transport> over_;
  std::string rest_;
  loop::Timer timer_;
};

class Secured final : public transport::Transport, private loop::Handler {
 public:
  Secured(Wire& wire, std::unique_ptr<transport::Transport> over, ContextPtr context, bool server)
      : wire_(wire),
        over_(std::move(over)),
        context_(std::move(context)),
        ssl_(SSL_new(server ? context_->server() : context_->client()), SSL_free),
        server_(server) {
    BIO* bio = NewPipe(pipe_);
    SSL_set_bio(ssl_.get(), bio, bio);
    const auto now = std::chrono::floor<std::chrono::seconds>(context_->ByIssuer(wire.wall_()));
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl_.get()), now.time_since_epoch().count());
    if (server)
      SSL_set_accept_state(ssl_.get());
    else
      SSL_set_connect_state(ssl_.get());
    SSL_set_app_data(ssl_.get(), this);
  }
  ~Secured() override { Close(false); }

  void Expect(std::string identity) {
    expected_ = std::move(identity);
    session_key_ = expected_ + " " + over_->peer().ToString();
    if (const auto session = wire_.TakeSession(*context_, session_key_))
      SSL_set_session(ssl_.get(), session.get());
  }
  void Preload(std::string first) { in_ = std::move(first); }

  Status Attach(loop::EventLoop& loop, loop::Handler& handler) override {
    handler_ = &handler;
    readable_ = true;  // nobody knows what came meanwhile
    if (const Status attached = over_->Attach(loop, *this); !attached) return attached;
    if (!in_.empty() || SSL_pending(ssl_.get()) > 0 || state_ == State::kFailed) WakeLater();
    return {};
  }
  void Detach() override {
    handler_ = nullptr;
    over_->Detach();
  }

  IoResult Read(char* into, std::size_t most) override;
  IoResult Write(const iovec* pieces, int count) override;
  void ShutdownWrite() override;
  void AcknowledgeNow() override { over_->AcknowledgeNow(); }
  void Close(bool reset) override;

  net::Address local() const override { return over_ == nullptr ? net::Address{} : over_->local(); }
  net::Address peer() const override { return over_ == nullptr ? net::Address{} : over_->peer(); }
  std::string_view alpn() const override { return state_ == State::kOpen ? kProtocol : std::string_view(); }
  std::string_view peer_identity() const override { return identity_; }
  int connect_error() const override { return error_; }
  Reason failure() const override { return failure_; }

  void Keep(SSL_SESSION* session) { wire_.KeepSession(*context_, session_key_, {session, SSL_SESSION_free}); }

 private:
  enum class State : std::uint8_t { kConnecting, kHandshake, kOpen, kFailed };

  void OnReady(bool readable, bool writable) override;
  void Advance();
  void Opened();
  void Fail(Reason reason, int error);
  void Give(Reason reason, int error);
  Reason JudgePeer(std::string& identity);
  bool StillGood();
  void Wake(bool readable, bool writable) {
    if (handler_ != nullptr) handler_->OnReady(readable, writable);
  }
  void WakeLater();
  // Runs a call of the library over what was received; what it wrote is sent.
  template <class Call>
  auto Run(Call call);
  bool Receive();
  void KeepRest();
  bool Flush();
  void Send();

  Wire& wire_;
  std::unique_ptr<transport::Transport> over_;
  ContextPtr context_;
  Pipe pipe_;
  SslPtr ssl_;
  loop::Handler* handler_ = nullptr;
  std::string in_, out_;  // ciphertext: received and not read, written and not sent
  std::string identity_, expected_, session_key_;
  std::shared_ptr<bool> alive_;  // set while a wake-up is under way
  std::uint64_t judged_ = 0;     // Contexts::revocations() when the peer was
  State state_ = State::kConnecting;
  Reason failure_ = Reason::kOk;
  int error_ = 0;
  const bool server_;
  bool readable_ = false, hangup_ = false, eof_ = false, broken_ = false, shut_ = false;
};

int KeepSession(SSL* ssl, SSL_SESSION* session) {
  static_cast<Secured*>(SSL_get_app_data(ssl))->Keep(session);
  return 1;  // it is ours now
}

// --- the library ---

template <class Call>
auto Secured::Run(Call call) {
  struct Around {
    explicit Around(Secured& s) : self(s) {
      ERR_clear_error();
      self.pipe_.out = &self.wire_.send_;
    }
    ~Around() {
      self.pipe_.out = nullptr;
      self.Send();
    }
    Secured& self;
  } const around(*this);
  return call();
}

// Into the worker's buffer, behind what is left in the connection. False: nothing came.
bool Secured::Receive() {
  if (!readable_ || eof_ || broken_) return false;
  const IoResult result = over_->Read(wire_.receive_.get(), kReceiveBytes);
  readable_ = result.kind == Kind::kOk && (hangup_ || result.bytes == kReceiveBytes);
  eof_ |= result.kind == Kind::kEnd;
  if (result.kind == Kind::kError) {
    broken_ = true;
    error_ = result.error;
  }
  if (result.kind != Kind::kOk) return false;
  pipe_.in = {wire_.receive_.get(), result.bytes};
  return true;
}

// What is left of the bytes of this turn stays until it is read.
void Secured::KeepRest() {
  std::string rest(pipe_.in);
  in_.swap(rest);
  pipe_.in = {};
}

// What the library wrote in this call, in one piece.
void Secured::Send() {
  std::string& made = wire_.send_;
  if (made.empty()) return;
  if (!out_.empty()) {
    out_ += made;
  } else {
    const iovec piece{made.data(), made.size()};
    const IoResult result = over_->Write(&piece, 1);
    if (result.kind == Kind::kError) {
      broken_ = true;
      error_ = result.error;
    }
    out_.assign(made, result.bytes);
  }
  made.clear();
}

// False: the kernel has not taken all.
bool Secured::Flush() {
  while (!out_.empty() && !broken_) {
    const iovec piece{out_.data(), out_.size()};
    const IoResult result = over_->Write(&piece, 1);
    if (result.kind == Kind::kError) {
      broken_ = true;
      error_ = result.error;
      break;
    }
    if (result.bytes == 0) return false;
    out_.erase(0, result.bytes);
  }
  if (out_.capacity() > 0) std::string().swap(out_);
  if (shut_ && !broken_) over_->ShutdownWrite();
  return true;
}

// --- events ---

void Secured::OnReady(bool readable, bool writable) {
  hangup_ |= readable && wire_.loop_.hangup();
  readable_ |= readable;
  if (writable && !out_.empty()) writable = Flush();
  switch (state_) {
    case State::kConnecting:
      if (!server_ && !writable) return;
      if (const int error = server_ ? 0 : over_->connect_error(); error != 0) return Fail(Reason::kOk, error);
      state_ = State::kHandshake;
      return Advance();
    case State::kHandshake: return Advance();
    case State::kOpen:
    case State::kFailed: return Wake(readable, writable);
  }
}

void Secured::Advance() {
  pipe_.in = in_;
  while (true) {
    const int done = Run([this] { return SSL_do_handshake(ssl_.get()); });
    if (done == 1) return Opened();
    const int error = SSL_get_error(ssl_.get(), done);
    if (error != SSL_ERROR_WANT_READ) break;
    in_.clear();
    if (Receive()) continue;
    if (eof_ || broken_) Fail(Reason::kTlsFailed, error_ != 0 ? error_ : ECONNRESET);
    return;
  }
  const unsigned long why = ERR_peek_error();
  const long verified = SSL_get_verify_result(ssl_.get());
  ERR_clear_error();
  std::string ignored;
  const bool chain = ERR_GET_REASON(why) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  Fail(chain ? context_->Judge(nullptr, verified, {}, wire_.wall_(), ignored) : ReasonOf(why), ECONNABORTED);
}

void Secured::Opened() {
  const Reason reason = JudgePeer(identity_);
  if (reason != Reason::kOk) return Fail(reason, ECONNABORTED);
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  if (std::string_view(reinterpret_cast<const char*>(protocol), size) != kProtocol)
    return Fail(Reason::kTlsFailed, ECONNABORTED);
  state_ = State::kOpen;
  KeepRest();
  wire_.told_({server_, SSL_session_reused(ssl_.get()) == 1, Reason::kOk});
  Wake(true, true);
}

// By the newest context: what was revoked since this connection began counts, too.
Reason Secured::JudgePeer(std::string& identity) {
  judged_ = wire_.contexts_.revocations();  // before the context is asked for: what comes later is looked at
  const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl_.get()), X509_free);
  return wire_.contexts_.Now()->Judge(shown.get(), SSL_get_verify_result(ssl_.get()), expected_,
                                      wire_.wall_(), identity);
}

// A peer whose certificate was revoked meanwhile is neither heard nor told anything more.
bool Secured::StillGood() {
  if (wire_.contexts_.revocations() == judged_) return true;
  std::string ignored;
  if (JudgePeer(ignored) != Reason::kPeerRevoked) return true;  // another end of it ends no connection
  Give(Reason::kPeerRevoked, ECONNABORTED);
  return false;
}

void Secured::Fail(Reason reason, int error) {
  Give(reason, error);
  Wake(true, true);
}

void Secured::Give(Reason reason, int error) {
  state_ = State::kFailed;
  failure_ = reason;
  error_ = error;
  identity_.clear();
  in_.clear();
  pipe_.in = {};
  if (reason != Reason::kOk) wire_.told_({server_, false, reason});
}

void Secured::WakeLater() {
  if (alive_ != nullptr) return;
  alive_ = std::make_shared<bool>(true);
  struct Wakened {
    std::weak_ptr<bool> alive;
    Secured* self;
  };
  wire_.loop_.Later(
      [](void* context) {
        const std::unique_ptr<Wakened> wakened(static_cast<Wakened*>(context));
        if (wakened->alive.expired()) return;
        wakened->self->alive_.reset();
        wakened->self->OnReady(true, wakened->self->out_.empty());
      },
      new Wakened{alive_, this});
}

// --- bytes ---

IoResult Secured::Read(char* into, std::size_t most) {
  if (state_ == State::kFailed) return {Kind::kError, 0, error_};
  if (state_ != State::kOpen) return {Kind::kWouldBlock, 0, 0};
  if (!StillGood()) return {Kind::kError, 0, error_};
  std::size_t got = 0;
  Kind end = Kind::kOk;
  pipe_.in = in_;
  Run([&] {
    while (got < most) {
      const int n =
          SSL_read(ssl_.get(), into + got, static_cast<int>(std::min<std::size_t>(most - got, 1U << 30U)));
      if (n > 0) {
        got += static_cast<std::size_t>(n);
        continue;
      }
      const int error = SSL_get_error(ssl_.get(), n);
      if (error == SSL_ERROR_WANT_READ) {
        in_.clear();
        if (Receive()) continue;
        // Without its close_notify the end may be somebody else's doing.
        end = eof_ || broken_ ? Kind::kError : Kind::kWouldBlock;
      } else if (error == SSL_ERROR_ZERO_RETURN) {
        end = Kind::kEnd;
      } else {
        // A peer judges our certificate behind its own part of the handshake.
        failure_ = ReasonOf(ERR_peek_error());
        if (failure_ == Reason::kIdentityRefused) wire_.told_({server_, false, failure_});
        ERR_clear_error();
        error_ = ECONNRESET;
        end = Kind::kError;
      }
      break;
    }
  });
  KeepRest();
  if (got > 0) {
    if (end == Kind::kEnd || end == Kind::kError) WakeLater();  // no event may come to tell
    return {Kind::kOk, got, 0};
  }
  return {end, 0, end == Kind::kError ? (error_ != 0 ? error_ : ECONNRESET) : 0};
}

IoResult Secured::Write(const iovec* pieces, int count) {
  if (state_ == State::kFailed || broken_) return {Kind::kError, 0, error_ != 0 ? error_ : ECONNRESET};
  if (state_ != State::kOpen || shut_ || !out_.empty()) return {Kind::kWouldBlock, 0, 0};
  if (!StillGood()) return {Kind::kError, 0, error_};
  std::size_t taken = 0, at = 0;  // `at`: of the first piece that is left
  bool more = true;
  while (more && out_.empty() && !broken_) {
    Run([&] {
      while (more && wire_.send_.size() < kMostQueued) {
        std::size_t size = 0;  // small pieces share a record
        while (count > 0 && size < kRecordBytes) {
          const std::size_t part = std::min(pieces->iov_len - at, kRecordBytes - size);
          if (part > 0)
            std::memcpy(wire_.record_.get() + size, static_cast<const char*>(pieces->iov_base) + at, part);
          size += part;
          at += part;
          if (at < pieces->iov_len) break;
          at = 0;
          ++pieces;
          --count;
        }
        more = size > 0;
        if (!more) break;
        if (SSL_write(ssl_.get(), wire_.record_.get(), static_cast<int>(size)) !=
            static_cast<int>(size)) {  // memory never refuses: the connection is at its end
          broken_ = true;
          error_ = ECONNRESET;
          break;
        }
        taken += size;
      }
    });
  }
  if (broken_) return {Kind::kError, 0, error_};
  return {taken > 0 ? Kind::kOk : Kind::kWouldBlock, taken, 0};
}

void Secured::ShutdownWrite() {
  if (state_ != State::kOpen || shut_) return;
  shut_ = true;
  Run([this] { SSL_shutdown(ssl_.get()); });
  if (out_.empty()) over_->ShutdownWrite();
}

void Secured::Close(bool reset) {
  if (over_ == nullptr) return;
  handler_ = nullptr;
  alive_.reset();
  if (state_ == State::kOpen && !reset && !broken_) {
    if (!shut_) Run([this] { SSL_shutdown(ssl_.get()); });
    if (!out_.empty() && !broken_) {
      over_->Detach();
      new Parting(wire_, std::move(over_), std::move(out_));  // until its bytes are gone
      return;
    }
  }
  over_->Close(reset);
  over_.reset();
  // Its session may go on: since TLS 1.3 that a connection broke off says nothing of it.
  if (state_ == State::kOpen) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

// --- what a worker's connections share ---

Wire::Wire(loop::EventLoop& loop, const Contexts& contexts, std::function<void(const Handshake&)> told,
           WallTime (*wall)())
    : loop_(loop), contexts_(contexts), told_(std::move(told)), wall_(wall) {}

Wire::~Wire() {
  while (!parting_.empty()) (*parting_.begin())->End(true);
}

ContextPtr Wire::Usable() const {
  ContextPtr now = contexts_.Now();
  return now != nullptr && now->material().ValidAt(wall_()) ? now : nullptr;
}

std::unique_ptr<transport::Transport> Wire::Client(std::unique_ptr<transport::Transport> over,
                                                   ContextPtr context, std::string expected) {
  auto secured = std::make_unique<Secured>(*this, std::move(over), std::move(context), false);
  secured->Expect(std::move(expected));
  return secured;
}

std::unique_ptr<transport::Transport> Wire::Server(std::unique_ptr<transport::Transport> over,
                                                   ContextPtr context, std::string first) {
  auto secured = std::make_unique<Secured>(*this, std::move(over), std::move(context), true);
  secured->Preload(std::move(first));
  return secured;
}

Wire::SessionPtr Wire::TakeSession(const Context& context, const std::string& key) {
  if (sessions_of_ != &context) return nullptr;
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return nullptr;
  SessionPtr session = std::move(found->second);
  sessions_.erase(found);
  return session;
}

void Wire::KeepSession(const Context& context, const std::string& key, SessionPtr session) {
  if (contexts_.Now().get() != &context) return;
  if (sessions_of_ != &context) sessions_.clear();
  sessions_of_ = &context;
  if (sessions_.size() >= kMostSessions) sessions_.erase(sessions_.begin());
  sessions_[key] = std::move(session);
}

}  // namespace weft::tls
