#pragma once
// For tests: an etcd as far as reading and watching a prefix go, over real gRPC: revisions, history,
// compaction, a lost leader.

#include <grpcpp/grpcpp.h>

#include <map>
#include <mutex>
#include <thread>

#include "etcd/v3/etcd.grpc.pb.h"

namespace weft::intake::etcd {

class FakeEtcd final : public etcdserverpb::KV::Service, public etcdserverpb::Watch::Service {
 public:
  FakeEtcd() { ComeBack(); }
  ~FakeEtcd() override { GoDown(); }

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }
  void Put(const std::string& key, const std::string& value) {
    const std::lock_guard lock(mutex_);
    keys_[key] = value;
    Add(mvccpb::Event::PUT, key, value);
  }
  void Delete(const std::string& key) {
    const std::lock_guard lock(mutex_);
    if (keys_.erase(key) > 0) Add(mvccpb::Event::DELETE, key, {});
  }
  // Forgets all history, and stops watches as if they had been too slow.
  void Compact() {
    const std::lock_guard lock(mutex_);
    compacted_ = revision_;
    history_.clear();
    ++compactions_;
  }
  void LoseLeader() {
    const std::lock_guard lock(mutex_);
    ++elections_;
  }
  void GoDown() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }
  void ComeBack() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(static_cast<etcdserverpb::KV::Service*>(this));
    builder.RegisterService(static_cast<etcdserverpb::Watch::Service*>(this));
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw std::runtime_error("the fake etcd cannot listen");
  }
  int watches() const {  // that were begun
    const std::lock_guard lock(mutex_);
    return watches_;
  }
  int reads() const {
    const std::lock_guard lock(mutex_);
    return reads_;
  }

 private:
  using Stream = grpc::ServerReaderWriter<etcdserverpb::WatchResponse, etcdserverpb::WatchRequest>;

  void Add(mvccpb::Event::EventType type, const std::string& key, const std::string& value) {
    mvccpb::Event& event = history_[++revision_];
    event.set_type(type);
    event.mutable_kv()->set_key(key);
    event.mutable_kv()->set_value(value);
    event.mutable_kv()->set_mod_revision(revision_);
  }

  grpc::Status Range(grpc::ServerContext*, const etcdserverpb::RangeRequest* request,
                     etcdserverpb::RangeResponse* response) override {
    const std::lock_guard lock(mutex_);
    ++reads_;
    response->mutable_header()->set_revision(revision_);
    // Two keys a page, so that pages are used; what changes between them would be of a later revision.
    for (auto key = keys_.lower_bound(request->key());
         key != keys_.end() && key->first < request->range_end(); ++key) {
      if (response->kvs_size() == 2) {
        response->set_more(true);
        break;
      }
      mvccpb::KeyValue& kv = *response->add_kvs();
      kv.set_key(key->first);
      kv.set_value(key->second);
    }
    return grpc::Status::OK;
  }

  grpc::Status Watch(grpc::ServerContext* context, Stream* stream) override {
    etcdserverpb::WatchRequest request;
    if (!stream->Read(&request)) return grpc::Status::OK;
    const etcdserverpb::WatchCreateRequest& create = request.create_request();
    std::int64_t next = create.start_revision();
    etcdserverpb::WatchResponse created;
    created.set_created(true);
    stream->Write(created);
    int compactions = 0, elections = 0;
    {
      const std::lock_guard lock(mutex_);
      compactions = compactions_;
      elections = elections_;
      ++watches_;
    }
    while (!context->IsCancelled()) {
      etcdserverpb::WatchResponse response;
      {
        const std::lock_guard lock(mutex_);
        if (elections != elections_) return {grpc::StatusCode::UNAVAILABLE, "etcdserver: no leader"};
        if (next <= compacted_ || compactions != compactions_) {
          response.set_canceled(true);
          response.set_compact_revision(std::max<std::int64_t>(compacted_, 1));
        }
        for (auto event = history_.lower_bound(next); event != history_.end(); ++event) {
          const std::string& key = event->second.kv().key();
          if (key >= create.key() && key < create.range_end()) *response.add_events() = event->second;
          next = event->first + 1;
        }
      }
      if (response.events_size() > 0 || response.canceled()) stream->Write(response);
      if (response.canceled()) return grpc::Status::OK;
      std::this_thread::yield();
    }
    return grpc::Status::OK;
  }

  mutable std::mutex mutex_;  // guards what follows, but for the server and its port
  std::map<std::string, std::string> keys_;
  std::map<std::int64_t, mvccpb::Event> history_;
  std::int64_t revision_ = 1, compacted_ = 0;
  int compactions_ = 0, elections_ = 0, reads_ = 0, watches_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace weft::intake::etcd
