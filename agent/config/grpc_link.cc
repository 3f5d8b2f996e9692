#include "agent/config/grpc_link.h"

#include "agent/config/messages.h"
#include "agent/dial/stream.h"
#include "common/wire/wire.h"
#include "weft/v1/mesh.grpc.pb.h"

namespace weft::config {
namespace {

using Stream = dial::Stream<v1::AgentMessage, v1::ControlMessage>;

LinkState FromDial(dial::State state) {
  switch (state) {
    case dial::State::kConnecting: return LinkState::kConnecting;
    case dial::State::kConnected: return LinkState::kConnected;
    case dial::State::kWaiting: return LinkState::kWaiting;
  }
  return LinkState::kWaiting;
}

}  // namespace

struct GrpcLink::Impl {
  Impl(dial::Dialer& of, GrpcLinkOptions options_in)
      : dialer(of),
        options(std::move(options_in)),
        stream(dialer, Rng(options.seed, HashBytes(options.node_id)), Hooks()) {}

  Stream::Hooks Hooks() {
    Stream::Hooks hooks;
    hooks.prepare = [](const Stream::Channel& channel, grpc::ClientContext* context,
                       grpc::CompletionQueue* queue) {
      return v1::Mesh::NewStub(channel)->PrepareAsyncConnect(context, queue);
    };
    hooks.hello = [this] { return MakeHello(options, callbacks.holding()); };
    hooks.on_message = [this](const v1::ControlMessage& message) { Take(message); };
    hooks.on_state = [this](dial::State state, const std::string& why) { OnState(state, why); };
    hooks.joins = options.keeper != nullptr;
    return hooks;
  }

  // A stream that only joins is no source of configuration.
  void OnState(dial::State state, const std::string& why) {
    if (options.keeper != nullptr && state != dial::State::kConnected) options.keeper->OnStreamDown();
    const bool joining = options.keeper != nullptr && !options.keeper->Holds();
    if (joining && state == dial::State::kConnected) return;
    callbacks.on_state(FromDial(state), why);
  }

  void Begin() {
    if (options.keeper != nullptr) {
      identity::KeeperHooks hooks;
      hooks.send = [this](const std::string& csr) { stream.Send(MakeCertificateRequest(csr)); };
      hooks.joined = [this] { stream.BeginAnew(); };
      hooks.log = options.log;
      options.keeper->Start(std::move(hooks));
    }
    stream.Start();
  }

  void Take(const v1::ControlMessage& message) {
    if (options.keeper != nullptr && message.has_identity_offer())
      options.keeper->OnOffer(FromProto(message.identity_offer()));
    if (options.keeper != nullptr && message.has_certificate())
      options.keeper->OnAnswer(FromProto(message.certificate()));
    if (message.has_command()) callbacks.on_command(FromProto(message.command()));
    if (message.has_found_address()) Found(message.found_address());
    if (!message.has_delta()) return;
    dialer.SetSpread(Duration(message.delta().reconnect_spread_ns()));
    const Result<snapshot::Delta> delta = wire::FromProto(message.delta());
    if (delta) return callbacks.on_delta(*delta);
    callbacks.on_malformed(message.delta().sequence(), delta.error());
  }

  void Found(const v1::FoundAddress& found) {
    const Result<net::Address> address = net::Address::Parse(found.address());
    if (!address) return;  // it was never asked
    std::optional<ServiceKey> service;
    if (found.has_service()) service = wire::UncheckedKey(found.service());
    callbacks.on_found(*address, service);
  }

  dial::Dialer& dialer;
  GrpcLinkOptions options;
  Callbacks callbacks;
  Stream stream;
};

GrpcLink::GrpcLink(dial::Dialer& dialer, GrpcLinkOptions options)
    : impl_(std::make_unique<Impl>(dialer, std::move(options))) {}
GrpcLink::~GrpcLink() = default;

void GrpcLink::Start(Callbacks callbacks) {
  impl_->callbacks = std::move(callbacks);
  impl_->Begin();
}

void GrpcLink::Stop() { impl_->stream.Stop(); }

void GrpcLink::Subscribe(std::span<const ServiceKey> keys) { impl_->stream.Send(MakeSubscribe(keys)); }
void GrpcLink::Unsubscribe(std::span<const ServiceKey> keys) { impl_->stream.Send(MakeUnsubscribe(keys)); }
void GrpcLink::Acknowledge(const Acknowledgement& ack) { impl_->stream.Send(MakeAckMessage(ack)); }
void GrpcLink::FindAddress(const net::Address& address) { impl_->stream.Send(MakeFindAddress(address)); }

}  // namespace weft::config
