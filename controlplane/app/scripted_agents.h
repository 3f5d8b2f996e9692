#pragma once
// Agents that do as a test says: they connect, apply or refuse what they are sent, and report traffic.

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/stats/histogram.h"
#include "weft/v1/mesh.grpc.pb.h"
#include "weft/v1/telemetry.grpc.pb.h"

namespace weft::control {

class ScriptedAgent {
 public:
  ScriptedAgent(const std::shared_ptr<grpc::Channel>& channel, std::string node, std::string service,
                std::uint64_t refuses)
      : node_(std::move(node)), service_(std::move(service)), refuses_(refuses) {
    stream_ = v1::Mesh::NewStub(channel)->Connect(&context_);
    telemetry_ = v1::Telemetry::NewStub(channel)->Report(&telemetry_context_);
    SendHellos();
    reader_ = std::thread([this] { Read(); });
  }
  ~ScriptedAgent() {
    context_.TryCancel();
    telemetry_context_.TryCancel();
    reader_.join();
    stream_->Finish();
    telemetry_->Finish();
  }

  const std::string& node() const { return node_; }
  std::uint64_t revision() const { return revision_; }  // of the last configuration it was sent

  // So many requests to its service, this many of them failed, each of so many microseconds.
  void Report(std::uint64_t requests, std::uint64_t failures, std::uint32_t us) {
    v1::ReportMessage message;
    message.mutable_report()->set_interval_ns(1'000'000);
    v1::Edge& edge = *message.mutable_report()->add_edges();
    edge.mutable_service()->set_namespace_("default");
    edge.mutable_service()->set_name(service_);
    edge.set_requests(requests);
    edge.set_failures(failures);
    edge.mutable_latency()->add_index(stats::Histogram::IndexOf(us));
    edge.mutable_latency()->add_count(requests);
    telemetry_->Write(message);
  }

 private:
  void SendHellos() {
    v1::AgentMessage hello;
    hello.mutable_hello()->set_node_id(node_);
    hello.mutable_hello()->set_namespace_("default");
    v1::ServiceKey& key = *hello.mutable_hello()->add_held()->mutable_service();
    key.set_namespace_("default");
    key.set_name(service_);
    stream_->Write(hello);
    v1::ReportMessage report;
    report.mutable_hello()->set_node_id(node_);
    report.mutable_hello()->set_namespace_("default");
    telemetry_->Write(report);
  }

  void Read() {
    v1::ControlMessage message;
    while (stream_->Read(&message)) {
      if (message.has_delta()) stream_->Write(AckOf(message.delta()));
    }
  }

  v1::AgentMessage AckOf(const v1::Delta& delta) {
    v1::AgentMessage message;
    v1::Ack& ack = *message.mutable_ack();
    ack.set_sequence(delta.sequence());
    *ack.mutable_target() = delta.version();
    const bool refused = delta.version().revision() == refuses_ && delta.bundles_size() > 0;
    for (const v1::BundleUpdate& update : delta.bundles()) {
      v1::BundleNack* nack = refused ? ack.add_rejected() : nullptr;
      v1::BundleAck* accepted = refused ? nullptr : ack.add_accepted();
      *(refused ? nack->mutable_service() : accepted->mutable_service()) = update.service();
      refused ? nack->set_hash(update.hash()) : accepted->set_hash(update.hash());
      if (refused) nack->set_field("routes[0]");
      if (refused) nack->set_detail("this agent cannot do that");
    }
    if (!refused && delta.has_version()) held_ = delta.version();
    if (held_.revision() > 0) *ack.mutable_effective() = held_;
    if (delta.has_version()) revision_ = delta.version().revision();
    return message;
  }

  const std::string node_, service_;
  const std::uint64_t refuses_;  // this revision; zero: none
  grpc::ClientContext context_, telemetry_context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::ControlMessage>> stream_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ReportMessage, v1::ReportCommand>> telemetry_;
  v1::Version held_;
  std::atomic<std::uint64_t> revision_{0};
  std::thread reader_;
};

}  // namespace weft::control
