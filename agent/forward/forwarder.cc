#include "agent/forward/forwarder.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/random/random.h"

namespace weft::forward {

Forwarder::Forwarder(ForwarderOptions options)
    : options_(std::move(options)),
      shared_(options_.worker.engine.seed),
      aggregator_(shared_, options_.recorder),
      learned_(options_.on_learned) {
  for (Listener& listener : options_.listeners)
    listeners_.push_back(std::make_unique<Listener>(std::move(listener)));
}

Forwarder::~Forwarder() {
  Stop();
  for (const int fd : bound_) close(fd);
}

Status Forwarder::Bind() {
  for (const auto& listener : listeners_) {
    const Result<int> fd = transport::Listen(listener->listen);
    if (!fd) {
      Error error = fd.error();
      error.field = listener->name;
      return error;
    }
    bound_.push_back(*fd);
    listener->listen = transport::LocalAddress(*fd);
  }
  for (std::size_t i = 0; i < options_.workers; ++i) {
    WorkerOptions own = options_.worker;
    own.engine.worker = static_cast<std::uint32_t>(i);
    own.engine.workers = static_cast<std::uint32_t>(options_.workers);
    own.request_seed = Mix(own.request_seed, i, Purpose::kRequestId, 0);
    WorkerHooks hooks;
    hooks.need = options_.need;
    hooks.find = options_.find;
    hooks.learned = &learned_;
    hooks.contexts = options_.contexts;
    hooks.publish = [this](engine::WorkerDelta delta) {
      if (delta.worker == 0) return Absorb(delta);
      workers_.front()->loop().Post([this, delta = std::move(delta)] { Absorb(delta); });
    };
    workers_.push_back(std::make_unique<Worker>(own, shared_, options_.recorder, options_.make_sink(i),
                                                std::move(hooks), listeners_));
  }
  return {};
}

void Forwarder::Start() {
  Worker& first = *workers_.front();
  for (std::size_t i = 0; i < bound_.size(); ++i) {
    const Listener& on = *listeners_[i];
    acceptors_.push_back(std::make_unique<accept::Acceptor>(
        first.loop(), bound_[i], [this, &on](int fd, const net::Address& peer) { Accepted(fd, peer, on); }));
    // Behind the snapshots that were installed so far, so that no connection comes before the configuration.
    first.loop().Post([acceptor = acceptors_.back().get()] { (void)acceptor->Start().has_value(); });
  }
  bound_.clear();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    threads_.emplace_back([worker = workers_[i].get()] { worker->Run(); });
    pthread_setname_np(threads_.back().native_handle(), ("worker-" + std::to_string(i)).c_str());
  }
}

void Forwarder::CloseAll() {
  for (const auto& worker : workers_) worker->loop().Post([worker = worker.get()] { worker->CloseAll(); });
}

void Forwarder::Stop() {
  for (const auto& worker : workers_) worker->loop().Stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  acceptors_.clear();
}

// On worker 0.
void Forwarder::Accepted(int fd, const net::Address& peer, const Listener& on) {
  if (options_.max_connections > 0 && connections() >= options_.max_connections) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    close(fd);
    return;
  }
  Worker* least = std::min_element(workers_.begin(), workers_.end(), [](const auto& a, const auto& b) {
                    return a->connections() < b->connections();
                  })->get();
  least->Expect();
  if (least == workers_.front().get()) return least->Adopt(fd, peer, on);
  least->loop().Post([least, fd, peer, &on] { least->Adopt(fd, peer, on); });
}

void Forwarder::Install(const snapshot::SnapshotPtr& snapshot) {
  workers_.front()->loop().Post(
      [this, snapshot] { aggregator_.Install(snapshot, workers_.front()->loop().now()); });
  for (const auto& worker : workers_) {
    worker->loop().Post([worker = worker.get(), snapshot] { worker->Install(snapshot); });
  }
}

void Forwarder::Absorb(const engine::WorkerDelta& delta) {
  const engine::ViewPtr view = aggregator_.Absorb(delta, workers_.front()->loop().now());
  if (options_.on_health) {
    for (const engine::HealthChange& change : aggregator_.TakeChanges()) options_.on_health(change);
  }
  if (view == nullptr) return;
  if (options_.on_view) options_.on_view(*view);
  workers_.front()->Install(view);
  for (std::size_t i = 1; i < workers_.size(); ++i) {
    workers_[i]->loop().Post([worker = workers_[i].get(), view] { worker->Install(view); });
  }
}

// Evidence adds up over the workers, so exactly one takes it: the first that knows the instance.
void Forwarder::Checked(const BackendKey& backend, std::uint64_t instance, bool passed, Duration took) {
  OfferCheck(0, backend, instance, passed, took);
}

void Forwarder::OfferCheck(std::size_t to, const BackendKey& backend, std::uint64_t instance, bool passed,
                           Duration took) {
  if (to == workers_.size()) return;
  Worker* worker = workers_[to].get();
  worker->loop().Post([=, this] {
    if (!worker->Checked(backend, instance, passed, took))
      OfferCheck(to + 1, backend, instance, passed, took);
  });
}

std::string Forwarder::NameOf(const BackendKey& backend, std::uint64_t instance) const {
  const engine::Target* target = workers_.front()->Find(backend, instance);
  return target == nullptr ? std::string() : target->instance->id;
}

void Forwarder::BeginDrain() {
  for (const auto& worker : workers_) worker->loop().Post([worker = worker.get()] { worker->BeginDrain(); });
}

std::size_t Forwarder::inbound_requests() const {
  std::size_t sum = 0;
  for (const auto& worker : workers_) sum += worker->inbound_requests();
  return sum;
}

std::size_t Forwarder::requests() const {
  std::size_t sum = 0;
  for (const auto& worker : workers_) sum += worker->requests();
  return sum;
}

std::size_t Forwarder::connections() const {
  std::size_t sum = 0;
  for (const auto& worker : workers_) sum += worker->connections();
  return sum;
}

}  // namespace weft::forward
