// What a connection speaks: declared, learned, or detected by its first bytes (docs/life-of-a-request.md,
// step 2).

#include <utility>

#include "agent/detect/detect.h"
#include "agent/detect/proxy_header.h"
#include "agent/forward/worker.h"

namespace weft::forward {
namespace {

using accept::Opened;
using policy::Protocol;

constexpr Duration kDetection = std::chrono::milliseconds(250);  // for the first byte; then it is opaque
constexpr Duration kClientFirst = std::chrono::seconds(5);       // the same where clients were heard to begin

}  // namespace

void Worker::AwaitProxyHeader(connection::Handed client, const engine::Origin& origin) {
  accept::Opening::Options options;
  options.silence = options.most = limits_.request_head;
  options.examine = [](std::string_view bytes) {
    return detect::ReadProxyHeader(bytes).state != detect::ProxyHeader::State::kMore;
  };
  options.opened = [this, origin](connection::Handed opened, Opened how) {
    if (how == Opened::kLeft) return Gone(origin);
    const detect::ProxyHeader header = detect::ReadProxyHeader(opened.unread);
    if (header.state != detect::ProxyHeader::State::kWhole) {
      report::StreamReport refused;
      refused.direction = origin.direction;
      refused.reason = how == Opened::kExamined ? Reason::kBadRequest : Reason::kHeadTimeout;
      sink_->StreamBegan(origin.direction);
      sink_->StreamEnded(refused);
      opened.transport->Close(true);
      return Gone(origin);
    }
    opened.unread.erase(0, header.size);
    engine::Origin told = origin;
    if (header.source) told.peer = *header.source;
    Open(std::move(opened), told);
  };
  accept::Opening::Start(io_, std::move(client), opening_, std::move(options));
}

// Whether other agents may come in mutual TLS here.
bool Worker::MayBeSecured(const engine::Origin& origin) const {
  return tls_ != nullptr && origin.direction == engine::Direction::kInbound && origin.caller == nullptr &&
         engine_.MtlsOf(origin) != policy::Mtls::kOff;
}

// Another agent's first bytes are a ClientHello that offers our protocol. Where clients speak first there is
// time for it; else one that is silent waits for the server.
void Worker::AwaitPeer(connection::Handed client, const engine::Origin& origin) {
  const Protocol protocol = engine_.ProtocolOf(origin);
  const bool server_first = protocol == Protocol::kTcp || protocol == Protocol::kDetect;
  const bool strict = engine_.MtlsOf(origin) == policy::Mtls::kStrict;
  const auto hello = std::make_shared<detect::ClientHello>();
  accept::Opening::Options options;
  options.silence = server_first && !strict ? kDetection : limits_.request_head;
  options.most = limits_.request_head;
  options.examine = [hello](std::string_view bytes) {
    return hello->Read(bytes) != detect::ClientHello::State::kMore;
  };
  options.opened = [this, origin, hello](connection::Handed opened, Opened how) {
    if (how == Opened::kLeft) return Gone(origin);
    if (hello->Offers(tls::kProtocol)) return Secure(std::move(opened), origin);
    sink_->Secured(origin.direction, report::Security::kPlain);
    OpenAs(std::move(opened), origin);
  };
  accept::Opening::Start(io_, std::move(client), opening_, std::move(options));
}

void Worker::Secure(connection::Handed client, const engine::Origin& origin) {
  tls::ContextPtr context = tls_->Usable();
  if (context == nullptr) {
    sink_->Handshook(origin.direction, false, Reason::kNoIdentity);
    client.transport->Close(true);
    return Gone(origin);
  }
  auto secured = tls_->Server(std::move(client.transport), std::move(context), std::move(client.unread));
  accept::Securing::Start(io_, std::move(secured), limits_.request_head, securing_,
                          [this, origin](std::unique_ptr<transport::Transport> done) {
                            if (done == nullptr) return Gone(origin);
                            engine::Origin known = origin;
                            const std::string_view identity = done->peer_identity();
                            const auto named = tls::ReadIdentity(identity);
                            const std::string service =
                                std::string(named->ns) + "/" + std::string(named->service);
                            known.caller = engine_.CallerOf(identity, service);
                            if (known.caller == nullptr) return Gone(origin);
                            sink_->Secured(origin.direction, report::Security::kMtls);
                            OpenAs({std::move(done), {}, {}}, known);
                          });
}

void Worker::Open(connection::Handed client, engine::Origin origin) {
  if (MayBeSecured(origin)) return AwaitPeer(std::move(client), origin);
  OpenAs(std::move(client), origin);
}

// A destination that the snapshot does not know may be the address of a service that nobody asked for yet.
void Worker::OpenAs(connection::Handed client, engine::Origin origin) {
  const bool stranger = origin.allow_passthrough && origin.original.port != 0 && hooks_.find &&
                        engine_.BackendOf(origin, loop_.now()) == nullptr;
  if (stranger && (searching_.contains(origin.original) || hooks_.find(index_, origin.original))) {
    searching_[origin.original].push_back({std::move(client), origin});
    return;
  }
  OpenKnown(std::move(client), origin);
}

// By what is declared for its destination; else by what was learned, else the first bytes decide.
void Worker::OpenKnown(connection::Handed client, engine::Origin origin) {
  const bool named = origin.fixed != nullptr || origin.original.port != 0;
  const Protocol protocol = named ? engine_.ProtocolOf(origin) : Protocol::kHttp;
  if (named) origin.declared = protocol;
  switch (protocol) {
    case Protocol::kTcp: return Relay(std::move(client), origin, {});
    case Protocol::kTls: return AwaitHello(std::move(client), origin);
    case Protocol::kHttp:
    case Protocol::kHttp2:
    case Protocol::kGrpc: return Serve(std::move(client.transport), origin, client.unread);
    default: break;
  }
  const bool unknown = origin.fixed == nullptr && engine_.BackendOf(origin, loop_.now()) == nullptr;
  if (unknown && policy::IsOpaqueByDefault(origin.original.port)) return Relay(std::move(client), origin, {});
  Detect(std::move(client), origin);
}

void Worker::Detect(connection::Handed client, const engine::Origin& origin) {
  const detect::Speaks speaks =
      hooks_.learned == nullptr ? detect::Speaks::kUnknown : hooks_.learned->Find(NameOf(origin));
  if (speaks == detect::Speaks::kServerFirst) return RelayServerFirst(std::move(client), origin, true);
  const auto hello = std::make_shared<detect::ClientHello>();
  accept::Opening::Options options;
  options.silence = speaks == detect::Speaks::kClientFirst ? kClientFirst : kDetection;
  options.most = limits_.request_head;
  options.examine = [hello](std::string_view bytes) {
    const detect::Looks looks = detect::Detect(bytes);
    if (looks == detect::Looks::kTls) return hello->Read(bytes) != detect::ClientHello::State::kMore;
    return looks != detect::Looks::kMore;
  };
  options.opened = [this, origin, hello](connection::Handed opened, Opened how) {
    Detected(std::move(opened), origin, how, *hello);
  };
  accept::Opening::Start(io_, std::move(client), opening_, std::move(options));
}

void Worker::Detected(connection::Handed client, const engine::Origin& origin, Opened how,
                      const detect::ClientHello& hello) {
  if (how == Opened::kLeft) return Gone(origin);
  if (how == Opened::kSilent) return RelayServerFirst(std::move(client), origin, false);
  Learn(origin, detect::Speaks::kClientFirst);
  switch (detect::Detect(client.unread)) {
    case detect::Looks::kHttp1:
    case detect::Looks::kHttp2:
      sink_->Detected(origin.direction, report::Detection::kHttp);
      return Serve(std::move(client.transport), origin, client.unread);
    case detect::Looks::kTls:
      sink_->Detected(origin.direction, report::Detection::kTls);
      return Relay(std::move(client), origin, {report::StreamKind::kTls, hello.server_name()});
    default:
      sink_->Detected(origin.direction, report::Detection::kOpaque);
      return Relay(std::move(client), origin, {});
  }
}

// A port that is declared TLS. Whatever comes instead of a ClientHello, or nothing, is the server's to judge.
void Worker::AwaitHello(connection::Handed client, const engine::Origin& origin) {
  const auto hello = std::make_shared<detect::ClientHello>();
  accept::Opening::Options options;
  options.silence = options.most = limits_.request_head;
  options.examine = [hello](std::string_view bytes) {
    return hello->Read(bytes) != detect::ClientHello::State::kMore;
  };
  options.opened = [this, origin, hello](connection::Handed opened, Opened how) {
    if (how == Opened::kLeft) return Gone(origin);
    Relay(std::move(opened), origin, {report::StreamKind::kTls, hello->server_name()});
  };
  accept::Opening::Start(io_, std::move(client), opening_, std::move(options));
}

// The client is silent, so perhaps the server speaks first; if it does, the next connection does not wait. A
// server that complains in HTTP about a silent client is no such thing. What was learned is forgotten when a
// client begins.
void Worker::RelayServerFirst(connection::Handed client, const engine::Origin& origin, bool learned) {
  sink_->Detected(origin.direction, learned ? report::Detection::kLearned : report::Detection::kSilent);
  tunnel::Stream stream;
  stream.first = [this, origin, learned](bool server, std::string_view bytes) {
    if (server && !bytes.starts_with("HTTP/")) {
      Learn(origin, detect::Speaks::kServerFirst);
    } else if (learned && !server) {
      Learn(origin, detect::Speaks::kUnknown);
    }
  };
  Relay(std::move(client), origin, std::move(stream));
}

void Worker::Learn(const engine::Origin& origin, detect::Speaks speaks) {
  if (hooks_.learned != nullptr) hooks_.learned->Learn(NameOf(origin), speaks);
}

// How the memory calls the port that a connection leads to.
std::string Worker::NameOf(const engine::Origin& origin) {
  const engine::Backend* backend = engine_.BackendOf(origin, loop_.now());
  return backend == nullptr ? origin.original.ToString() : backend->key_text;
}

}  // namespace weft::forward
